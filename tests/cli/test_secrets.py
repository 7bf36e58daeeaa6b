"""The key of the Materials Project stays where it was given: it is in no output, log, traceback or file, whatever the server does with it."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from dosmith import cli
from dosmith.errors import DosmithError, NotFoundError
from dosmith.sources import materials_project, mp_client
from dosmith.sources.fetching import key_for_materials_project
from mp_server import MaterialsProject, serving, summaries, write_table

KEY = "Recognisable0Key0Of0Thirty2Chars"

pytest.importorskip("mp_api")


@contextmanager
def echoing(status: int) -> Iterator[SimpleNamespace]:
    """A server that answers everything with all that it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(str(self.headers))
            alive = self.path.startswith("/heartbeat")  # asked first, and without the key
            answer = (
                PROJECT.answer("/heartbeat", {}) if alive else {"detail": f"refused: {dict(self.headers)}", "path": self.path}
            )
            body = json.dumps(answer).encode()
            self.send_response(200 if alive else status, f"no {self.headers.get('X-API-KEY')}")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/", seen=seen)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def working() -> Iterator[MaterialsProject]:
    with serving(PROJECT) as served:
        yield served


DOCUMENTS = summaries(6)
PROJECT = MaterialsProject(DOCUMENTS, {entry["material_id"]: f"mp-{70_000 + i}" for i, entry in enumerate(DOCUMENTS)})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    write_table(folder, list(PROJECT.tasks.values())[:-1])
    return folder


@pytest.mark.parametrize("given", ["option", "environment", "settings"])
@pytest.mark.parametrize("server", ["works", "403", "500", "404", "down", "bug"])
def test_the_key_is_nowhere(
    server: str,
    given: str,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    import pymatgen.core

    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setattr(pymatgen.core, "SETTINGS", {"PMG_MAPI_KEY": KEY} if given == "settings" else {})
    if given == "environment":
        monkeypatch.setenv("MP_API_KEY", KEY)
    arguments = ["data", "fetch", "mp", *(("--key", KEY) if given == "option" else ())]
    monkeypatch.setattr("sys.argv", ["dosmith", *arguments])
    if server == "bug":
        monkeypatch.setattr(materials_project, "material", lambda *_: {}["no such thing"])
    shown = ""
    with working() if server in ("works", "bug") else echoing(int(server) if server.isdigit() else 200) as served:
        url = "http://127.0.0.1:9/" if server == "down" else served.url
        there = partial(mp_client.Client, endpoint=url, table=str(table), options={}, sleep=lambda _: None)
        monkeypatch.setattr(mp_client, "Client", there)
        try:
            cli.main()
        except SystemExit as ended:
            assert ended.code == (0 if server == "works" else 2)
        except Exception as error:  # a bug shows its trace, with what Python knows of it
            assert server == "bug"
            shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format(chain=True))
            assert "no such thing" in shown
        if server.isdigit():
            assert any(KEY in headers for headers in served.seen), "the server was not asked with the key"
    captured = capfd.readouterr()
    told = captured.out + captured.err + shown + "".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert KEY not in told and told
    for path in tmp_path.rglob("*"):
        assert KEY not in path.name and (not path.is_file() or KEY.encode() not in path.read_bytes()), path


@pytest.mark.parametrize("key", [f"{KEY}\n more", f"{KEY} more", f"{KEY}\x00", f"{KEY}–"])
def test_a_key_that_is_none_is_refused_before_it_gets_into_a_message(key: str) -> None:
    """What it is sent with would quote it in its complaint, line breaks and all."""
    with pytest.raises(NotFoundError, match="letters and digits") as caught:
        key_for_materials_project(key)
    assert KEY not in str(caught.value)


def test_an_error_that_quotes_the_key_is_told_without_it() -> None:
    def quoting() -> None:
        raise ValueError(f"Odd header value {KEY!r} in https://x/?api_key={KEY}")

    client = mp_client.Client.__new__(mp_client.Client)
    client._key, client._sleep = KEY, lambda _: None
    with pytest.raises(DosmithError, match=r"\*\*\*") as caught:
        client._ask(quoting)
    assert KEY not in "".join(traceback.format_exception(caught.value)) and KEY not in repr(client)
