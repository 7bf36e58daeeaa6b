"""The engine that computes: the one place where a density-functional program is chosen."""

from __future__ import annotations

from dosmith.dft.cp2k import Cp2k, find_command
from dosmith.dft.engine import Engine
from dosmith.settings import DftSettings


def engine_for(settings: DftSettings | None = None, threads: int = 1) -> Engine:
    """The engine in use.

    Args:
        settings: the `dft` section of the settings; the defaults when None.
        threads: of one calculation.

    Raises:
        EngineError: its program is not installed.
    """
    return Cp2k(settings, threads=threads)


def require_engine() -> None:
    """Nothing, where an engine can compute here.

    Raises:
        EngineError: its program is not installed.
    """
    find_command()
