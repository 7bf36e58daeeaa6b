"""`dosmith web`: opens a board here, warns before it opens one to others."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "dosmith", "web", "--no-browser", "--model", "dosmith"]


@pytest.fixture
def started(tmp_path: Path):
    processes: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [*COMMAND, "--jobs", str(tmp_path), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        processes.append(process)
        lines = ""
        while "Ctrl-C" not in lines:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines += line
        return process, lines

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_it_serves_this_machine_until_it_is_stopped(started) -> None:
    process, lines = started("--port", "0")
    address = re.search(r"http://127\.0\.0\.1:\d+/", lines)[0]
    assert "token" not in lines
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert b"drawing board" in answer.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (0, 130)


def test_others_need_the_token(started) -> None:
    _, lines = started("--port", "0", "--host", "0.0.0.0")
    assert "every machine" in " ".join(lines.split()) and "ssh -L" in " ".join(lines.split())
    address, token = re.search(r"(http://127\.0\.0\.1:\d+/)\?token=(\S{20,})", lines).groups()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address, timeout=30)
    asked = urllib.request.Request(f"{address}api/board", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200


def test_a_taken_port_is_told_in_a_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [*COMMAND, "--port", str(taken.getsockname()[1])]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "--port" in result.stderr and len(result.stderr.splitlines()) == 1
