"""Uploads and pasted text, read in a process of their own (`reader.py`): whatever is in them, the board goes on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from typing import Any

from dosmith import formulas
from dosmith.errors import FileFormatError
from dosmith.records import Spectrum
from dosmith.settings import Settings
from dosmith.sources.files import printable
from dosmith.spectra.standard import Recipe, standardise
from dosmith.targets import Target


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

    async def target(self, content: bytes, name: str, fermi: float | None = None, broadening: float = 0.0) -> Target:
        """The target in a file.

        Args:
            content: of the file.
            name: stands in messages.
            fermi: Fermi level on the file's own axis, eV, in place of the stated one.
            broadening: Gaussian sigma that the curve already carries, eV; 0 takes what the file says.

        Raises:
            FileFormatError, SpectrumError: there is no usable DOS in it; the message says why.
        """
        shown = printable(name)[:80] or "file"
        found = await self._read(content, shown, fermi, broadening)
        if "error" in found:
            raise FileFormatError(found["error"])
        spectrum = Spectrum.from_arrays(found["energies"], found["densities"], found["fermi"])
        spectrum = replace(spectrum, broadening=found["broadening"], gap=found["gap"], notes=tuple(found["notes"]))
        composition = None if found["composition"] is None else formulas.reduce((s, c) for s, c in found["composition"])
        title = shown if composition is None else formulas.write(composition)
        return Target(title, f"the file {shown} ({found['format']})", standardise(spectrum, self.recipe), composition)

    async def _read(self, content: bytes, name: str, fermi: float | None, broadening: float) -> dict[str, Any]:
        web = self.settings.web
        options = {
            "name": name,
            "fermi": fermi,
            "broadening": broadening,
            "max_mebibytes": self.settings.files.max_mebibytes,
            "memory": web.reading_mebibytes * 2**20,
            "seconds": web.reading_seconds,
        }
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads reserve address space
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "dosmith.web.reader",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
            )
            try:
                answer, _ = await asyncio.wait_for(
                    process.communicate(json.dumps(options).encode() + b"\n" + content), web.reading_seconds
                )
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
        except ValueError:  # the system ended it
            raise FileFormatError(
                f"{name} takes more memory or time to read than is allowed; cut it down to energy and density"
            ) from None
