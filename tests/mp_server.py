"""A small Materials Project on this machine: its REST routes over HTTP and its Delta table in a folder, with faults on order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
from pymatgen.core import Lattice, Structure

from dosmith.sources.mp_client import letters_of

ENERGIES = np.linspace(-8.0, 14.0, 221)
FERMI = 3.25
ELEMENTS = ("Ni", "Pt", "Co", "Pd", "Al")


@dataclass
class MaterialsProject:
    """Documents, and what should go wrong: one fault is taken from `faults` for each request, None for a sound answer."""

    summaries: list[dict[str, Any]]
    tasks: dict[str, str]
    faults: list[str | None] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, route: str, asked: dict[str, str]) -> dict[str, Any]:
        if route == "/heartbeat":
            return {"status": "OK", "db_version": "2026.10.1", "version": "0.90.0", "access_controlled_batch_ids": []}
        if route == "/materials/summary/":
            systems, largest = asked.get("chemsys"), int(asked.get("nelements_max", 9))
            crystal = asked.get("crystal_system", "").capitalize()
            found = [
                entry
                for entry in self.summaries
                if (systems is None or entry["chemsys"] in systems.split(","))
                and entry["nelements"] <= largest
                and crystal in ("", entry["symmetry"]["crystal_system"])
                and (asked.get("deprecated", "").lower() != "false" or not entry["deprecated"])
            ]
        elif route == "/materials/electronic_structure/":
            wanted = asked.get("material_ids", "").split(",")
            found = [{"material_id": name, "dos": {"task_id": task}} for name, task in self.tasks.items() if name in wanted]
        else:
            raise KeyError(route)
        first, count = int(asked.get("_skip", 0)), int(asked.get("_limit", 1000))
        fields = asked.get("_fields", "").split(",")
        page = [{name: value for name, value in entry.items() if name in fields} for entry in found[first : first + count]]
        return {"data": page, "meta": {"total_doc": len(found)}}


def summaries(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Documents of unaries and binaries, cubic or tetragonal, a few deprecated."""
    random = np.random.default_rng(seed)
    documents = []
    for number in range(count):
        symbols = sorted(random.choice(ELEMENTS, size=1 + number % 2, replace=False))
        tall = 1.0 + 0.5 * (number % 3 == 2)
        species = symbols * (2 // len(symbols))
        cell = Structure(Lattice.tetragonal(3.0, 3.0 * tall), species, [[0, 0, 0], [0.5, 0.5, 0.5]])
        documents.append(
            {
                "material_id": f"mp-{1000 + 7 * number}",
                "chemsys": "-".join(symbols),
                "nelements": len(symbols),
                "structure": cell.as_dict(),
                "symmetry": {"crystal_system": "Tetragonal" if tall > 1 else "Cubic", "symbol": "Pm-3m"},
                "deprecated": number % 11 == 10,
                "band_gap": 0.0,
                "efermi": FERMI,
                "energy_per_atom": -5.0 - number / 100,
                "energy_above_hull": 0.01 * (number % 5),
            }
        )
    return documents


def curve(task: str) -> np.ndarray:
    """The DOS of a task: a d band whose place depends on its number, states/eV."""
    centre = FERMI - 2 + int(task.rpartition("-")[2]) % 40 / 20
    return 0.3 + 8 * np.exp(-(((ENERGIES - centre) / 0.9) ** 2) / 2)


def write_table(folder: Path, tasks: list[str], files: int = 4) -> None:
    """The Delta table of these tasks, in as many appends, partitioned by run_type."""
    import pyarrow as pa
    from deltalake import write_deltalake

    for part in range(files):
        rows = [
            {
                "identifier": letters_of(task),
                "run_type": "GGA_U" if index % 4 == 1 else "GGA",
                "energies": ENERGIES.tolist(),
                "efermi": FERMI,
                "spin_up_densities": (curve(task) / 2).tolist(),
                "spin_down_densities": (curve(task) / 2).tolist() if index % 3 else None,
                "structure": "{}",
            }
            for index, task in enumerate(tasks)
            if index % files == part
        ]
        write_deltalake(str(folder), pa.Table.from_pylist(rows), mode="append", partition_by=["run_type"])


@contextmanager
def serving(project: MaterialsProject) -> Iterator[MaterialsProject]:
    """The project behind `project.url` while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlparse(self.path)
            project.log.append(parts.path)
            fault = None if parts.path == "/heartbeat" or not project.faults else project.faults.pop(0)
            asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            body = json.dumps(project.answer(parts.path, asked)).encode()
            if fault == "timeout":
                time.sleep(0.5)
                self.connection.close()
                return
            status = int(fault) if fault and fault.isdigit() else 200
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault == "truncated" else body)
            if fault == "truncated":
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    project.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield project
    finally:
        server.shutdown()
        server.server_close()
