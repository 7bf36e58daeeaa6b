"""Reads one uploaded file in a process of its own, with limits on memory and time: `python -m dosmith.web.reader`.

First line of the input: JSON with `name`, `fermi`, `electrons`, `broadening`, `max_mebibytes` and the limits `memory` (bytes) and
`seconds`; the rest is the file. Output: JSON with the curve, or with an `error` in one line.
"""

from __future__ import annotations

import io
import json
import math
import sys
from typing import Any


def main() -> None:
    """Read from standard input, answer on standard output."""
    options = json.loads(sys.stdin.buffer.readline())
    _limit(options["memory"], options["seconds"])
    try:
        answer = _read(sys.stdin.buffer.read(), options)
    except MemoryError:
        answer = {"error": f"{options['name']} takes more memory to read than is allowed; cut it down to energy and density"}
    json.dump(answer, sys.stdout)


def _read(content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    from dosmith.errors import DosmithError
    from dosmith.sources.files import read_dos_stream

    try:
        found = read_dos_stream(
            io.BytesIO(content),
            options["name"],
            fermi=options["fermi"],
            electrons=options["electrons"],
            broadening=options["broadening"],
            max_mebibytes=options["max_mebibytes"],
        )
    except DosmithError as error:
        return {"error": str(error)}
    spectrum = found.spectrum
    return {
        "energies": spectrum.energies.tolist(),
        "densities": spectrum.densities.tolist(),
        "fermi": spectrum.fermi,
        "broadening": spectrum.broadening,
        "gap": spectrum.gap,
        "valence_top": spectrum.valence_top,
        "fermi_from": spectrum.fermi_from,
        "notes": list(spectrum.notes),
        "composition": found.composition,
        "format": found.format,
    }


def _limit(memory: int, seconds: float) -> None:
    """What the system can enforce; where it cannot (Windows) the parent's clock remains."""
    try:
        import resource
    except ImportError:
        return
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, math.ceil(seconds)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    main()
