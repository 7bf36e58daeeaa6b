"""Processes that end with the one that started them, and scratch folders whose owner was killed."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dosmith import processes

STARTER = """
import sys, time
from dosmith import processes
kept = processes.start(["/bin/sh", "-c", "sleep 600 & echo $! > grandchild; echo $$ > child; wait"], cwd=sys.argv[1])
print("started", flush=True)
time.sleep(600)
"""
POOL = """
import os, sys, time
from dosmith import processes
def work(folder):
    open(f"{folder}/worker", "w").write(str(os.getpid()))
    with processes.running(["sleep", "600"]) as child:
        open(f"{folder}/child", "w").write(str(child.pid))
if __name__ == "__main__":
    processes.tidy_on_termination()
    with processes.workers(1) as pool:
        print("started", flush=True)
        pool.submit(work, sys.argv[1]).result()
"""

DEAF = """
import os, sys, time
from dosmith import processes
def work(folder):
    with processes.running(["sleep", "600"]) as child:
        open(f"{folder}/child", "w").write(str(child.pid))
        while True:
            try:
                open(f"{folder}/worker", "w").write(str(os.getpid()))
                time.sleep(600)
            except BaseException:
                open(f"{folder}/caught", "w").write("1")
if __name__ == "__main__":
    processes.tidy_on_termination()
    processes.GRACE = 0.5
    with processes.workers(2) as pool:
        pool.submit(work, sys.argv[1]).result()
"""


def eventually(what: Callable[[], bool], seconds: float = 30.0) -> bool:
    limit = time.monotonic() + seconds
    while not what() and time.monotonic() < limit:
        time.sleep(0.02)
    return what()


def number(file: Path) -> int:
    assert eventually(lambda: file.is_file() and file.read_text().strip() != "")
    return int(file.read_text())


def alive(process: int) -> bool:
    return processes.started(process) is not None


def starter(folder: Path, program: str) -> subprocess.Popen[str]:
    script = folder / "starter.py"
    script.write_text(program)
    return subprocess.Popen([sys.executable, "-P", script, folder], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_program_ends_with_its_starter_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    with starter(tmp_path, STARTER) as process:
        child, grandchild = number(tmp_path / "child"), number(tmp_path / "grandchild")
        assert alive(child) and alive(grandchild)
        process.send_signal(how)
        assert eventually(lambda: not alive(child) and not alive(grandchild))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_and_what_they_run_end_with_the_pool(tmp_path: Path, how: signal.Signals) -> None:
    with starter(tmp_path, POOL) as process:
        worker, child = number(tmp_path / "worker"), number(tmp_path / "child")
        assert alive(worker) and alive(child)
        process.send_signal(how)
        assert eventually(lambda: not alive(worker) and not alive(child))


def test_a_worker_that_catches_whatever_is_raised_ends_with_the_pool_too(tmp_path: Path) -> None:
    with starter(tmp_path, DEAF) as process:
        worker, child = number(tmp_path / "worker"), number(tmp_path / "child")
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
        assert (tmp_path / "caught").is_file()
        assert eventually(lambda: not alive(worker) and not alive(child))


def test_the_end_by_a_signal_travels_between_processes() -> None:
    found = pickle.loads(pickle.dumps(processes.Terminated(signal.SIGTERM)))
    assert found.code == 128 + signal.SIGTERM and found.name == "SIGTERM"


def test_the_exit_code_and_the_output_are_the_programs() -> None:
    with processes.running(["/bin/sh", "-c", "echo told; exit 7"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.read() == b"told\n"
    assert process.returncode == 7
    with processes.running(["no such program"]) as process:
        pass
    assert process.returncode == 127
    with processes.running(["/bin/sh", "-c", "kill -SEGV $$"]) as process:
        pass
    assert process.returncode == 128 + signal.SIGSEGV


def test_many_short_programs_all_end_as_they_want() -> None:
    for code in range(50):
        with processes.running(["/bin/sh", "-c", f"exit {code}"]) as process:
            pass
        assert process.returncode == code


def test_a_shell_that_is_killed_alone_keeps_nobody_waiting() -> None:
    with processes.running(["sh", "-c", "echo out; sleep 1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None and process.stdout.readline() == b"out\n"
        os.kill(process.pid, signal.SIGKILL)
        assert process.stdout.read() == b""  # the program's end, not that of who watches
    assert process.returncode == -signal.SIGKILL


def test_what_a_program_left_running_ends_with_it(tmp_path: Path) -> None:
    with processes.running(["/bin/sh", "-c", "sleep 600 & echo $! > left"], cwd=tmp_path):
        pass
    assert eventually(lambda: not alive(number(tmp_path / "left")))


def test_a_block_that_raises_ends_the_program() -> None:
    with pytest.raises(ZeroDivisionError), processes.running(["sleep", "600"]) as process:
        raise ZeroDivisionError
    assert process.returncode is not None and not alive(process.pid)


def test_a_program_may_tidy_up_before_it_ends(tmp_path: Path) -> None:
    script = "trap 'echo tidied > done; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    process = processes.start(["/bin/sh", "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    processes.end(process)
    assert process.returncode == 3 and (tmp_path / "done").read_text() == "tidied\n"


def test_a_program_that_will_not_end_is_killed() -> None:
    process = processes.start(["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    processes.end(process, grace=0.2)
    assert process.returncode == -signal.SIGKILL and not alive(process.pid)


def test_python_imports_nothing_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "queue", "pickle", "threading", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the current folder')\n")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    with processes.running(processes.python("dosmith.version")) as process:
        pass
    assert process.returncode == 0
    with processes.workers(1) as pool:
        assert pool.submit(os.getcwd).result() == str(tmp_path)
        assert pool.submit(os.getenv, "PYTHONSAFEPATH").result() is None
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_process_is_known_by_its_beginning() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        began = processes.started(process.pid)
        assert began is not None and began == processes.started(process.pid)
        assert not processes.end_group(process.pid, "another time") and alive(process.pid)
        assert processes.end_group(process.pid, began)
        process.wait()
    assert processes.started(process.pid) is None and not processes.end_group(process.pid, began)


def test_scratch_of_a_killed_owner_is_swept_and_that_of_the_living_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import tempfile, time, sys; tempfile.tempdir = sys.argv[1]\n"
        "from dosmith import processes\n"
        "with processes.scratch('dosmith-test-') as folder:\n    print(folder, flush=True); time.sleep(600)\n"
    )
    foreign = tmp_path / "dosmith-test-notes"
    foreign.mkdir()
    with subprocess.Popen([sys.executable, "-P", "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert left.is_dir()
        long_ago = time.time() - 3600
        os.utime(left / ".owner", (long_ago, long_ago))
        assert processes.sweep("dosmith-test-") == [] and left.is_dir()
        process.kill()
        process.wait()
    with processes.scratch("dosmith-test-") as folder:
        assert not left.exists() and folder.is_dir() and foreign.is_dir()
    assert not folder.exists()


@pytest.mark.skipif(not Path("/proc/self/autogroup").is_file(), reason="the system does not share processors out by session")
@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel shares processors out by process")
def test_a_program_is_as_nice_as_its_starter_in_a_session_of_its_own_too() -> None:
    code = (
        "import os, pathlib; from dosmith import processes\n"
        "os.nice(7 - os.nice(0)); process = processes.start(['sleep', '30'])\n"
        "print(pathlib.Path(f'/proc/{process.pid}/autogroup').read_text()); processes.end(process)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split()[-2:] == ["nice", "7"]
