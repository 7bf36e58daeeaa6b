"""Calculations in the background: few at a time, each a process and a folder of its own, so that they outlive a page."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from dosmith import formulas, processes
from dosmith.atomic import locked, write_text
from dosmith.dft.engines import require_engine
from dosmith.errors import DosmithError, EngineError, LibraryError, NotFoundError
from dosmith.library import ParquetLibrary
from dosmith.records import Material
from dosmith.settings import Settings
from dosmith.web.lanes import BusyError
from dosmith.web.materials import Materials
from dosmith.web.messages import Job, JobRequest
from dosmith.web.work import MATERIAL

REQUEST, STATE, PROGRESS, RESULT, FAILURE = "request.json", "state.json", "progress.txt", "result.json", "failure.txt"
FILES = ("structure.cif", "POSCAR", "dos.csv", "calculation.json")
"""Files that a job may leave and a page may fetch."""
_GRACE = 5.0
"""Seconds that a calculation has to tidy up when it is stopped."""


def missing() -> dict[str, str | None]:
    """Kind of job -> None where it can run here, else what it lacks."""
    lacks: dict[str, str | None] = {"relax": None, "verify": None}
    if any(importlib.util.find_spec(name) is None for name in ("chgnet", "ase")):
        lacks["relax"] = "needs CHGNet: pip install 'dosmith[relax]'"
    try:
        require_engine()
    except EngineError as error:
        lacks["verify"] = str(error)
    return lacks


class Jobs:
    """Starts, watches and stops calculations.

    Args:
        folder: of their folders; made when missing, and this board's alone while it is open.
        materials: what they are about.
        settings: limits, and those of the calculations.

        computed: called when a predicted crystal has been computed, or such a calculation was forgotten.

    Raises:
        LibraryError: another board has the folder.
    """

    def __init__(
        self, folder: Path, materials: Materials, settings: Settings, computed: Callable[[], None] = lambda: None
    ) -> None:
        self.folder, self.materials, self.settings, self._computed = folder, materials, settings, computed
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._pool = ThreadPoolExecutor(settings.web.jobs, thread_name_prefix="job")
        folder.mkdir(parents=True, exist_ok=True)
        self._owned = ExitStack()
        try:
            self._owned.enter_context(locked(folder))
        except LibraryError:
            raise LibraryError(
                f"another drawing board keeps its calculations in {folder}; close it, or give this one another folder with --jobs"
            ) from None
        for path in self._folders():
            state = _json(path / STATE)
            if state.get("state") in ("waiting", "running"):  # of a board that is gone
                processes.end_group(*state.get("worker", (0, "")))
                self._write(path, state | {"state": "stopped", "why": "the board was closed while it ran"})

    def start(self, request: JobRequest) -> Job:
        """Start a calculation, or wait for a turn; one that is under way already is not started again.

        Raises:
            NotFoundError: there is no such material, or it has no crystal.
            EngineError: what the calculation needs is not installed.
            BusyError: too many wait.
        """
        lack = missing()[request.task]
        if lack is not None:
            raise EngineError(lack)
        structure = self.materials.structure(request.kind, request.id)
        with self._lock:
            active = [job for job in self.all() if job.state in ("waiting", "running")]
            for job in active:
                if (job.task, job.kind, job.material) == (request.task, request.kind, request.id):
                    return job
            if len(active) >= self.settings.web.jobs + self.settings.web.waiting:
                raise BusyError(f"{len(active)} calculations wait or run already; let some finish, or stop them")
            self._forget_oldest()
            identifier = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
            path = self.folder / identifier
            path.mkdir()
            recipe = self.materials.designer.model.recipe
            content = (
                request.model_dump()
                | self.materials.named(request.kind, request.id)
                | {
                    "formula": formulas.write(self.materials.composition(request.kind, request.id)),
                    "structure": structure.as_dict(),
                    "recipe": recipe.as_dict(),
                    "dft": self.settings.dft.model_dump(),
                }
            )
            write_text(path / REQUEST, json.dumps(content))
            self._write(path, {"state": "waiting", "asked": time.time()})
        self._pool.submit(self._run, path)
        return self.get(identifier)

    def all(self) -> list[Job]:
        """All that are remembered, newest first."""
        return [job for path in self._folders() if (job := self._job(path)) is not None]

    def get(self, identifier: str) -> Job:
        """One of them.

        Raises:
            NotFoundError: there is none of that id.
        """
        found = self._job(self._folder_of(identifier))
        if found is None:
            raise NotFoundError(f"there is no calculation '{identifier}'")
        return found

    def file(self, identifier: str, name: str) -> bytes:
        """A file that a calculation left.

        Raises:
            NotFoundError: there is none.
        """
        path = self._folder_of(identifier)
        if name not in FILES or not (path / name).is_file():
            raise NotFoundError(f"the calculation left no {name}")
        return (path / name).read_bytes()

    def computed(self) -> list[Material]:
        """The predicted crystals that have been computed, each as it was computed last; damaged ones are left out."""
        found: dict[str, Material] = {}
        for path in self._folders():  # newest first
            if _json(path / REQUEST).get("kind") == "new" and (path / RESULT).is_file():
                with suppress(DosmithError):
                    library = ParquetLibrary(path / MATERIAL)
                    found |= {name: library.material(name) for name in library.ids if name not in found}
        return list(found.values())

    def stop(self, identifier: str) -> None:
        """Stop one, or forget it when it is over.

        Raises:
            NotFoundError: there is none of that id.
        """
        path = self._folder_of(identifier)
        with self._lock:
            state = _json(path / STATE)
            over, known = state.get("state") not in ("waiting", "running"), (path / MATERIAL).is_dir()
            if over:
                shutil.rmtree(path, ignore_errors=True)
            else:
                self._write(path, state | {"state": "stopped", "why": "stopped by hand", "ended": time.time()})
            process = self._processes.get(identifier)
        if over and known:
            self._computed()
        if process is not None:
            processes.end(process, _GRACE)

    def close(self) -> None:
        """Stop all."""
        for job in self.all():
            if job.state in ("waiting", "running"):
                with suppress(NotFoundError):
                    self.stop(job.id)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._owned.close()

    def _run(self, path: Path) -> None:
        with self._lock:
            state = _json(path / STATE)
            if state.get("state") != "waiting":
                return
            self._write(path, state | {"state": "running", "started": time.time()})
        with open(path / "log.txt", "wb") as log:
            command = [*processes.python("dosmith.web.work"), str(path)]
            process = processes.start(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
            with self._lock:
                self._processes[path.name] = process
                state = _json(path / STATE)
                stopped = state.get("state") != "running"  # while it was being started
                if not stopped:
                    self._write(path, state | {"worker": [process.pid, processes.started(process.pid)]})
            why = ""
            try:
                process.wait(0 if stopped else self.settings.web.job_hours * 3600)
            except subprocess.TimeoutExpired:
                why = f"it ran longer than {self.settings.web.job_hours:g} hours (web.job_hours)"
            processes.end(process, _GRACE)
            self._processes.pop(path.name, None)
        try:
            if (path / MATERIAL).is_dir():
                self._computed()  # before it is told that it is done, so that nobody sees it in neither list
        finally:
            self._end(path, why)

    def _end(self, path: Path, why: str) -> None:
        with self._lock:
            state = _json(path / STATE)
            if not state or state.get("state") == "stopped":
                return
            if (path / RESULT).is_file() and not why:
                self._write(path, state | {"state": "done", "ended": time.time()})
            else:
                why = why or _text(path / FAILURE) or _crash(path)
                self._write(path, state | {"state": "failed", "why": why, "ended": time.time()})

    def _job(self, path: Path) -> Job | None:
        request, state = _json(path / REQUEST), _json(path / STATE)
        if not request or not state:
            return None
        done = _json(path / RESULT) if state["state"] == "done" else {}
        started = state.get("started")
        over = state["state"] not in ("waiting", "running")
        until = state.get("ended", started) if over else time.time()
        progress = {"waiting": "waits for its turn", "done": "done"}.get(state["state"])
        return Job(
            id=path.name,
            task=request["task"],
            kind=request["kind"],
            material=request["id"],
            formula=request["formula"],
            state=state["state"],
            progress=progress or state.get("why") or _text(path / PROGRESS) or "starting",
            seconds=0.0 if started is None else round(max(until - started, 0.0), 1),
            facts=[(name, value) for name, value in done.get("facts", [])],
            values=done.get("values"),
            files=[name for name in FILES if done and (path / name).is_file()],
        )

    def _folders(self) -> list[Path]:
        return sorted((path for path in self.folder.iterdir() if (path / REQUEST).is_file()), reverse=True)

    def _folder_of(self, identifier: str) -> Path:
        for path in self._folders():  # no path is made of what a client says
            if path.name == identifier:
                return path
        raise NotFoundError(f"there is no calculation '{identifier[:60]}'")

    def _forget_oldest(self) -> None:
        over = [path for path in self._folders() if _json(path / STATE).get("state") not in ("waiting", "running")]
        for path in over[self.settings.web.kept - 1 :]:
            shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def _write(path: Path, state: Mapping[str, Any]) -> None:
        with suppress(FileNotFoundError):  # forgotten meanwhile
            write_text(path / STATE, json.dumps(state))


def _crash(path: Path) -> str:
    """What a calculation that left no message died of."""
    last = _text(path / "log.txt").splitlines()[-1:]
    said = f" ({last[0].strip()[:200]})" if last else ""
    return f"it crashed{said}; {path / 'log.txt'} says more"


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
