"""The drawing board over the shipped set and model, once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs dosmith[web]")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from dosmith import Designer, Settings
from dosmith.web.app import create_app

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
