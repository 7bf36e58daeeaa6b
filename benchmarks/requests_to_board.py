"""Requests to the drawing board as files, so that they can be mutated like any other, and an application that answers them without a network."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote

from dosmith.errors import DosmithError

HOST = "127.0.0.1:8765"
_JSON = "Content-Type: application/json"


def requests() -> list[tuple[str, bytes]]:
    """One or more of each kind: method, address and headers in lines, then an empty line and the body; `ask` adds what a browser would."""
    values = [round(1 + (level % 7) / 7, 3) for level in range(151)]
    query = {"values": values, "window": [-3, 2], "metric": "tanimoto", "crystal_system": "cubic", "exclude": ["Pt"], "top": 5}
    drawn = {"energies": [level / 10 for level in range(-100, 101)], "densities": [1.5] * 201, "fermi": 0.25, "broadening": 0.1}
    table = "\n".join(f"{level / 10} {1 + level % 5}" for level in range(-100, 101))
    bodies: list[tuple[str, str, Any]] = [
        ("POST", "/api/target/name", {"text": "Pt3Ni", "crystal_system": "cubic"}),
        ("POST", "/api/target/columns", {"text": table, "fermi": 0.5, "broadening": 0.1}),
        ("POST", "/api/target/curve", drawn),
        ("POST", "/api/answer", {"values": values}),
        ("POST", "/api/answer", query | {"weights": values, "elements": ["Ni", "Al", "Co"], "ratio": "3:1", "n_elements": 2}),
        ("POST", "/api/design", query | {"name": "drawn", "source": "by hand"}),
        ("POST", "/api/report", query | {"top": 2}),
        ("POST", "/api/neighbourhood", query),
        ("POST", "/api/jobs", {"task": "relax", "kind": "known", "id": "Pt3Ni-L1_2"}),
        ("POST", "/api/target/file?name=a.dat&fermi=0.5&broadening=0.1", table),
        *(
            ("GET", f"/api/{path}", None)
            for path in ("board", "elements", "jobs", "jobs/20260101-000000-00000000", "openapi.json")
        ),
        *(("GET", f"/api/material{path}kind=known&id=Pt3Ni-L1_2", None) for path in ("?", "/curve?", "/file?form=cif&")),
        ("GET", "/api/jobs/20260101-000000-00000000/file?name=POSCAR", None),
        ("DELETE", "/api/jobs/20260101-000000-00000000", None),
        *(("GET", path, None) for path in ("/", "/main.js", "/vendor/../index.html", "/vendor/LICENSE-uPlot", "/%2e%2e/app.py")),
    ]
    made = []
    for number, (method, address, body) in enumerate(bodies):
        content = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        kind = [] if body is None else ["Content-Type: application/octet-stream" if isinstance(body, str) else _JSON]
        own = [f"Host: {HOST}", f"Origin: http://{HOST}", "Authorization: Bearer t"] if number % 6 == 0 else []
        made.append((f"request-{number}", ("\n".join([f"{method} {address}", *own, *kind, "", ""]) + content).encode()))
    return made


@functools.cache
def _application() -> Any:
    """The drawing board over the included set."""
    from dosmith import Designer, Settings
    from dosmith.web.app import create_app

    settings = Settings.model_validate({"web": {"upload_mebibytes": 8}})
    app = create_app(settings, Designer(settings=settings), Path(tempfile.mkdtemp(prefix="dosmith-fuzz-jobs-")), token="t")
    return app, asyncio.new_event_loop()


@contextlib.contextmanager
def _one_process() -> Iterator[None]:
    """Calculations are not done, and files are read in this process; only within, as others here may want the real ones."""
    from dosmith.web import jobs, reader, reading

    async def read(
        self: Any, content: bytes, name: str, fermi: float | None, broadening: float, electrons: float | None
    ) -> dict[str, Any]:
        options = {"name": name, "fermi": fermi, "broadening": broadening, "electrons": electrons, "max_mebibytes": 16}
        return dict(json.loads(json.dumps(reader._read(content, options))))

    with (
        mock.patch.object(reading.Reader, "_read", read),
        mock.patch.object(jobs.Jobs, "_run", return_value=None),
        mock.patch.object(jobs, "missing", return_value={"relax": None, "verify": None}),
    ):
        yield


def ask(name: str, content: bytes) -> object:
    """The answer to a request.

    Raises:
        DosmithError: it was refused, in one line.
        AssertionError: the server failed, or refused without a word.
    """
    app, loop = _application()
    head, _, body = content.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, address = first.decode("latin-1").strip().partition(" ")
    path, _, query = address.partition("?")
    headers = [(key.strip().lower(), value.strip()) for key, colon, value in (line.partition(b":") for line in lines) if colon]
    if not any(key == b"host" for key, _ in headers):  # most come from the page itself, so that they get further
        headers += [(b"host", HOST.encode()), (b"authorization", b"Bearer t")]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""},
        **{"method": method.upper()[:20] or "GET", "path": unquote(path) or "/", "raw_path": path.encode("latin-1")},
        **{
            "query_string": query.encode("latin-1"),
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8765),
        },
    }
    given = iter([{"type": "http.request", "body": body, "more_body": False}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(given, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with _one_process():
        loop.run_until_complete(app(scope, receive, send))
    status = sent[0]["status"]
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    assert status < 500, f"{status}: {answer[:200]!r}"
    if status >= 400:
        message = json.loads(answer)["message"]
        assert message and "\n" not in message and "Traceback" not in message, message
        raise DosmithError(message)
    return status, answer
