"""Long work shows how far it is, in a terminal and in a log."""

from __future__ import annotations

import io
import threading
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from dosmith.report import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.seconds)
    return now


def test_a_log_gets_a_line_now_and_then(clock: SimpleNamespace) -> None:
    log = io.StringIO()
    with progress.training_progress(Console(file=log)) as report:
        for epoch in range(1, 101):
            clock.seconds = 2.0 * epoch
            report("network 1 of 5", epoch, 100, 0.25)
    assert log.getvalue().splitlines() == [
        f"{minutes} min: network 1 of 5, loss 0.2500, {epoch} of 100"
        for minutes, epoch in (("0.5", 15), ("1.0", 30), ("1.5", 45), ("2.0", 60), ("2.5", 75), ("3.0", 90))
    ]


def test_short_work_says_nothing_in_a_log(clock: SimpleNamespace) -> None:
    log = io.StringIO()
    with progress.counting(Console(file=log)) as report:
        report("[Ni-Pt]", 1, None)
    assert log.getvalue() == ""
    with progress.counting(Console(file=log)) as report:
        clock.seconds = 1000.0
        report("[Ni-Pt]", 1, None)
    assert log.getvalue() == "16.7 min: [Ni-Pt], 1\n"


def test_a_terminal_gets_bars_and_failures_stay() -> None:
    screen = io.StringIO()
    with progress.campaign_progress(Console(file=screen, force_terminal=True, width=100)) as report:
        report(SimpleNamespace(entry="Pt3Ni-L1_2", seconds=12.3, reason=None), 1, 2)
        report(SimpleNamespace(entry="Pt3Fe-L1_2", seconds=40.0, reason="it did not converge"), 2, 2)
    shown = screen.getvalue()
    assert "Pt3Fe-L1_2 failed: it did not converge" in shown and "Pt3Fe-L1_2 (40 s)" in shown and "2/2" in shown


def test_nothing_is_shown_of_what_never_began() -> None:
    screen = io.StringIO()
    with pytest.raises(KeyError), progress.benchmark_progress(Console(file=screen, force_terminal=True)):
        raise KeyError
    assert screen.getvalue() == ""


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_spinner_is_for_a_terminal_and_for_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for screen, patience, expected in ((_Screen(), 0.0, True), (_Screen(), 60.0, False), (io.StringIO(), 0.0, False)):
        monkeypatch.setattr(progress, "PATIENCE", patience)
        monkeypatch.setattr("sys.stderr", screen)
        with progress.working("looking") as tell:
            tell("trying L1_2")
            time.sleep(0.3)
        assert ("trying L1_2" in screen.getvalue()) == expected


def test_a_spinner_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", _Screen())
    before = threading.active_count()
    with pytest.raises(ValueError, match="wrong"), progress.working("looking"):
        raise ValueError("wrong")
    assert threading.active_count() == before
