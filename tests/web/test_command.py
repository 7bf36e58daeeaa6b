"""`dosmith web`: opens a board here, warns before it opens one to others."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
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


def opened(address: str) -> bytes:
    """The page behind the printed address, as a browser gets there: by a cookie."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(address, timeout=30) as answer:
        return answer.read()


def test_it_serves_this_user_until_it_is_stopped(started) -> None:
    process, lines = started("--port", "0")
    address, token = re.search(r"(http://127\.0\.0\.1:\d+/)\?token=(\S{20,})", lines).groups()
    assert b"drawing board" in opened(f"{address}?token={token}")
    with pytest.raises(urllib.error.HTTPError, match="401"):  # another user of the machine
        urllib.request.urlopen(address, timeout=30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (0, 130)


def test_the_token_may_come_from_the_environment(started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOSMITH_TOKEN", "a secret; with blanks & signs")
    _, lines = started("--port", "0")
    address = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", lines)[0]
    assert address.endswith("?token=a%20secret%3B%20with%20blanks%20%26%20signs") and b"drawing board" in opened(address)


def test_it_may_be_asked_to_ask_for_no_token(started) -> None:
    _, lines = started("--port", "0", "--token", "")
    assert "every user of this machine" in " ".join(lines.split())
    assert b"drawing board" in opened(re.search(r"http://127\.0\.0\.1:\d+/", lines)[0])


def test_others_need_the_token(started) -> None:
    _, lines = started("--port", "0", "--host", "0.0.0.0")
    assert "every machine" in " ".join(lines.split()) and "ssh -L" in " ".join(lines.split())
    address, token = re.search(r"board: (http://127\.0\.0\.1:\d+/)\?token=(\S{20,})", lines).groups()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address, timeout=30)
    asked = urllib.request.Request(f"{address}api/board", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200
    others = re.search(r"other machines: (http://([^/:]+):\d+/\?token=\S+)", lines)
    assert others[2] not in ("0.0.0.0", "127.0.0.1") and others[1].endswith(token)


def test_a_board_for_others_has_a_token() -> None:
    command = [*COMMAND, "--host", "0.0.0.0", "--token", ""]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and "token" in result.stderr and len(result.stderr.splitlines()) == 1


def test_a_second_board_on_a_folder_of_calculations_is_told_in_a_line(started, tmp_path: Path) -> None:
    started("--port", "0")
    command = [*COMMAND, "--port", "0", "--jobs", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and "--jobs" in result.stderr and len(result.stderr.splitlines()) == 1


def test_no_process_is_started_with_the_token(tmp_path: Path) -> None:
    """What a program is started with, every user of the machine sees."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncp "$(echo "$1" | sed s,^file://,,)" {tmp_path}/page.html\n')
    browser.chmod(0o755)
    environment = os.environ | {"BROWSER": str(browser), "DOSMITH_TOKEN": "secret-token", "XDG_DATA_HOME": str(tmp_path / "data")}
    command = [*COMMAND[:4], "--port", "0", "--jobs", str(tmp_path / "jobs")]
    assert COMMAND[4] == "--no-browser"
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        limit = time.monotonic() + 120
        while not (tmp_path / "page.html").exists() and time.monotonic() < limit:
            time.sleep(0.1)
        assert "secret-token" not in (tmp_path / "asked").read_text()
        page = next((tmp_path / "data" / "dosmith").glob("drawing-board-*.html"))
        assert page.stat().st_mode & 0o777 == 0o600
        assert "?token=secret-token" in (tmp_path / "page.html").read_text()
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert not page.exists()


def test_a_taken_port_is_told_in_a_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [*COMMAND, "--jobs", str(tmp_path), "--port", str(taken.getsockname()[1])]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "--port" in result.stderr and len(result.stderr.splitlines()) == 1
