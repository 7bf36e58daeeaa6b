"""Processes that end with the one that started them, however it ends, and scratch folders that do not outlive them.

A process is started in a session of its own, below a shell that also waits for the end of a pipe whose other end only the
starter holds. The system closes that pipe when the starter ends, by SIGKILL too; the shell then kills the whole group. Python
is started so that it imports nothing from the folder it was started in.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from dosmith.atomic import abandoned, owned
from dosmith.errors import EngineError, MissingExtraError

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

_TIED = """
exec 3<&0
(trap '' TERM INT HUP; read _ <&3; kill -KILL 0) >/dev/null 2>&1 &
trap : TERM INT HUP
"$@" </dev/null 3<&-
code=$?
kill -KILL $!
exit $code
"""
"""The watcher outlives signals by which the program may tidy up, and holds none of its pipes; the shell waits for the program."""

GRACE = 10.0
"""Seconds that the workers of a pool have to tidy up."""

_SAFE_PATH = "PYTHONSAFEPATH"


def python(module: str) -> list[str]:
    """The command that runs a module of ours by this Python, importing nothing from the current folder."""
    return [sys.executable, "-P", "-m", module]


def start(
    command: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = subprocess.DEVNULL,
    stderr: int | IO[Any] | None = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program tied to this process; it reads nothing. Close it by `end`, or wait for it by `wait()`.

    Its exit code is the program's, 128 and the number of the signal that ended it, or 127 where there is no such program. It
    ends when the object is forgotten, so keep it; `communicate` would end it.
    """
    process = subprocess.Popen(
        ["/bin/sh", "-c", _TIED, "sh", *command],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,  # never written: it is open as long as we live
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
    with suppress(OSError):  # Linux may share the processors out by session, and forgets how nice we are in a new one
        if niceness := os.nice(0):
            Path(f"/proc/{process.pid}/autogroup").write_text(str(niceness), encoding="ascii")
    return process


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program tied to the block and to this process: waited for at the end of the block, ended with all it started when the block raises.

    Args:
        command: the program and its arguments.
        options: of `start`.
    """
    process = start(command, **options)
    try:
        yield process
        process.wait()
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], grace: float = 5.0) -> None:
    """End a started program and whatever it started, by SIGTERM and, after seconds of grace, by SIGKILL. Nothing when it is over."""
    assert process.stdin is not None
    if process.stdin.closed:  # by us, before
        process.wait()
        return
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    _signal(process.pid, signal.SIGKILL)  # what it left behind
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def started(process: int) -> str | None:
    """When a process began, as the system counts: with its number this names it for good. None when there is no such process."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def end_group(process: int, began: str) -> bool:
    """Kill the group that a process leads, if it is still the one that began then; whether there was one."""
    if process <= 1 or started(process) != began:
        return False
    _signal(process, signal.SIGKILL)
    return True


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh Python processes that end with this one; when the block raises, so do they, with what they run.

    Spawned, not forked: a forked process would hold open files and locks of its parent.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"  # a new Python imports nothing from the current folder
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _follow, (before,))
    try:
        yield pool
    except BaseException:
        _end_workers(pool)
        raise
    finally:
        pool.shutdown(wait=True)
        if before is None:
            os.environ.pop(_SAFE_PATH, None)
        else:
            os.environ[_SAFE_PATH] = before


@contextmanager
def side_by_side(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """A pool of so many processes; of one worker none, since this process does as well."""
    if count == 1:
        yield None
        return
    with workers(count) as pool:
        yield pool


def _end_workers(pool: ProcessPoolExecutor) -> None:
    """End the workers by SIGTERM and, after `GRACE`, by SIGKILL: at a low priority on a busy machine, or in code that
    catches whatever is raised, they would not heed the first for minutes. What they run ends with them."""
    from multiprocessing.connection import wait

    left: dict[Any, BaseProcess] = {each.sentinel: each for each in (pool._processes or {}).values()}
    for each in left.values():
        each.terminate()
    pool.shutdown(wait=False, cancel_futures=True)
    until = time.monotonic() + GRACE
    while left and time.monotonic() < until:
        for sentinel in wait(left, until - time.monotonic()):
            del left[sentinel]
    for each in left.values():
        each.kill()


@contextmanager
def cluster(address: str, count: int) -> Iterator[Any]:
    """A Dask client of a scheduler, or with the address `slurm` of so many Slurm jobs of one core each.

    Raises:
        MissingExtraError: Dask is not installed.
        EngineError: no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("computing on a cluster", "cluster") from None
    if address != "slurm":
        try:
            client = Client(address, timeout=30)
        except (OSError, ValueError) as error:
            raise EngineError(f"no Dask scheduler answers at {address} ({error})") from None
        with client:
            yield client
        return
    from dask_jobqueue.slurm import SLURMCluster

    with SLURMCluster(cores=1, processes=1, memory="4GB") as jobs, Client(jobs) as client:
        jobs.adapt(minimum=count, maximum=count)  # a job that dies is sent again
        yield client


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder for the files of a run, removed at the end; before, those of the same prefix whose owner was killed are removed.

    Raises:
        OSError: there is no room for it.
    """
    sweep(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with owned(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(prefix: str) -> list[Path]:
    """Remove scratch folders whose owner has ended; which ones they were."""
    swept = [folder for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*") if abandoned(folder)]
    for folder in swept:
        shutil.rmtree(folder, ignore_errors=True)
    return swept


class Terminated(SystemExit):
    """The process was asked to end by a signal.

    Attributes:
        code: its exit code, 128 and the number of the signal.
        number: of the signal.
        name: of the signal.
    """

    code: int

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number
        self.name = signal.Signals(number).name

    def __reduce__(self) -> tuple[type[Terminated], tuple[int]]:
        """It is made again of the signal, not of the exit code: a worker hands it to the process that started it."""
        return type(self), (self.number,)


def tidy_on_termination() -> None:
    """Let SIGTERM and SIGHUP raise `Terminated` in the main thread, so that what is open is closed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough
    raise Terminated(number)


def _follow(safe_path: str | None) -> None:
    """Makes a new worker end when the parent does, and leaves the environment as a person set it to what is started here."""
    if safe_path is None:
        os.environ.pop(_SAFE_PATH, None)
    import multiprocessing

    tidy_on_termination()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    from multiprocessing.connection import wait

    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)  # for what tidies up
    os._exit(128 + signal.SIGTERM)


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
