"""Uploads and pasted text, read in a process of their own (`reader.py`): whatever is in them, the board goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dosmith import formulas, processes
from dosmith.errors import FileFormatError
from dosmith.records import Spectrum
from dosmith.settings import Settings
from dosmith.sources.files import printable
from dosmith.spectra.standard import Recipe, standardise
from dosmith.spectra.zero import zero_choice
from dosmith.targets import Target

_PIECE = 2**18  # bytes
_LIMITS = (-signal.SIGKILL, -signal.SIGXCPU, -signal.SIGXFSZ)
"""Ends of a reader that ran into a limit."""
_NO_MEMORY = ("MemoryError", "Cannot allocate memory", "failed to map segment")


class Reader:
    """Reads files side by side, no more than the settings allow.

    Args:
        settings: limits on size, time, memory.
        recipe: of the targets.
    """

    def __init__(self, settings: Settings, recipe: Recipe) -> None:
        self.settings = settings
        self.recipe = recipe
        self._turns = asyncio.Semaphore(settings.web.readers)

    async def target(
        self,
        content: bytes,
        name: str,
        fermi: float | None = None,
        broadening: float = 0.0,
        electrons: float | None = None,
        zero: str | float | None = None,
    ) -> Target:
        """The target in a file.

        Args:
            content: of the file.
            name: stands in messages.
            fermi: Fermi level on the file's own axis, eV, in place of the stated one.
            broadening: Gaussian sigma that the curve already carries, eV; 0 takes what the file says.
            electrons: the Fermi level is where the curve holds this many; `fermi` goes before it.
            zero: another energy zero than the model's; see `spectra.zero.zero_choice`.

        Raises:
            FileFormatError, SpectrumError: there is no usable DOS in it; the message says why.
        """
        choice = None if zero is None else zero_choice(zero)
        shown = printable(name)[:80] or "file"
        found = await self._read(content, shown, fermi, broadening, electrons)
        if "error" in found:
            raise FileFormatError(found["error"])
        spectrum = Spectrum.from_arrays(found["energies"], found["densities"], found["fermi"])
        stated = {key: found[key] for key in ("broadening", "gap", "valence_top", "fermi_from")}
        spectrum = replace(spectrum, **stated, notes=tuple(found["notes"]))
        composition = None if found["composition"] is None else formulas.reduce((s, c) for s, c in found["composition"])
        title = shown if composition is None else formulas.write(composition)
        return Target(title, f"the file {shown} ({found['format']})", standardise(spectrum, self.recipe, choice), composition)

    async def _read(
        self, content: bytes, name: str, fermi: float | None, broadening: float, electrons: float | None
    ) -> dict[str, Any]:
        web = self.settings.web
        options = {
            "name": name,
            "fermi": fermi,
            "electrons": electrons,
            "broadening": broadening,
            "max_mebibytes": self.settings.files.max_mebibytes,
            "memory": web.reading_mebibytes * 2**20,
            "seconds": web.reading_seconds,
        }
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads reserve address space
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                *processes.python("dosmith.web.reader"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
            try:
                async with asyncio.timeout(web.reading_seconds):
                    _, answer, said = await asyncio.gather(
                        _send(process, json.dumps(options).encode() + b"\n", content), _all(process.stdout), _all(process.stderr)
                    )
                    code = await process.wait()
            except TimeoutError:
                raise FileFormatError(
                    f"{name} could not be read within {web.reading_seconds:g} s; cut it down to energy and density"
                ) from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        try:
            return dict(json.loads(answer))
        except ValueError:
            raise FileFormatError(_why(name, code, said.decode("utf-8", "replace"))) from None


async def _send(process: asyncio.subprocess.Process, *parts: bytes) -> None:
    """Write to a process in pieces, so that what is large is not copied whole."""
    assert process.stdin is not None
    with suppress(ConnectionError):  # it ended before it had read all
        for part in parts:
            for start in range(0, len(part), _PIECE):
                process.stdin.write(part[start : start + _PIECE])
                await process.stdin.drain()
        process.stdin.close()


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    return await stream.read()


def _why(name: str, code: int, said: str) -> str:
    """Why the reader left no answer."""
    if code in _LIMITS or any(words in said for words in _NO_MEMORY):
        return f"{name} takes more memory or time to read than is allowed; cut it down to energy and density"
    lines = said.strip().splitlines() or [str(signal.strsignal(-code)) if code < 0 else f"exit code {code}"]
    return (
        f"{name} crashed the reader ({printable(lines[-1])[:200]}); that is a fault of dosmith: please report it, with the file"
    )
