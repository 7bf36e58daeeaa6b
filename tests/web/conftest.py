"""The drawing board over the shipped set and model, once for all tests; and its page, for those that need a browser."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="needs dosmith[web]")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from dosmith import Designer, Settings
from dosmith.web.app import create_app
from fake_cp2k import tight_binding

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BASE = "http://127.0.0.1:8765"


@pytest.fixture(scope="session")
def designer() -> Designer:
    return Designer(model="dosmith", settings=Settings())


@pytest.fixture(scope="session")
def app(designer: Designer, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    settings = Settings.model_validate({"web": {"upload_mebibytes": 3, "reading_seconds": 20}, "files": {"max_mebibytes": 8}})
    return create_app(settings, designer, Path(tmp_path_factory.mktemp("jobs")))


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE) as client:
        yield client


@pytest.fixture(scope="session")
def pt3ni(client: TestClient) -> list[float]:
    """Its curve on the board."""
    return client.post("/api/target/name", json={"text": "Pt3Ni"}).json()["values"]


@pytest.fixture(scope="module")
def address(designer: Designer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A board that runs, with a slow program in the place of CP2K."""
    import uvicorn

    folder = tmp_path_factory.mktemp("programs")
    program = Path(tight_binding(folder, electrons=3))
    slow = folder / "cp2k.psmp"
    slow.write_text(f"#!{sys.executable}\nimport os, sys, time\ntime.sleep(1.5)\nos.execv({str(program)!r}, sys.argv)\n")
    slow.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=":")
        app = create_app(Settings(), designer, tmp_path_factory.mktemp("jobs"))
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    from board_page import CHROMIUM

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(params=["wide"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """The board with Pt3Ni on it; whatever the page complains of fails the test."""
    from playwright.sync_api import expect

    from board_page import SIZES, rows, settled

    context = browser.new_context(viewport=SIZES[request.param], accept_downloads=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: complaints.append(line.text) if line.type == "error" and not re.search("404|422", line.text) else None,
    )
    page.on("request", lambda asked: None if asked.url.startswith((address, "blob:", "data:")) else complaints.append(asked.url))
    page.goto(address)
    expect(rows(page, "known").first).to_have_attribute("data-id", "Pt3Ni-L1_2")
    settled(page)
    yield page
    context.close()
    assert complaints == []
