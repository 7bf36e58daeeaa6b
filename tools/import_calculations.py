"""Put calculations of JSON lines into a ledger: python tools/import_calculations.py LEDGER PURPOSE=FILE ..."""

from __future__ import annotations

import sys
from pathlib import Path

from dosmith.dft.calculations import read_calculations
from dosmith.library.ledger import Ledger

FINISHED = "2026-11-01T00:00:00.000000"
"""The files do not say when; before anything that the ledger's own campaign computes."""


def main() -> None:
    """Read the command line and do it."""
    ledger = Ledger(sys.argv[1])
    with ledger.lock():
        for argument in sys.argv[2:]:
            purpose, _, path = argument.partition("=")
            count = 0
            for outcome in read_calculations(Path(path), purpose, FINISHED):
                ledger.append(outcome)
                count += 1
            print(f"{count} from {path}", flush=True)
        ledger.pack()


if __name__ == "__main__":
    main()
