"""The board's addresses, and what keeps strangers and broken input away."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pymatgen.core.structure import Structure

from dosmith import Designer, Settings
from dosmith.web.app import create_app

BASE = "http://127.0.0.1:8765"
ROOT = Path(__file__).parents[2]
VASPRUN = ROOT / "tests" / "fixtures" / "vasprun-AlN.xml.gz"


def said(response) -> str:
    """The message of a refusal: one line."""
    message = response.json()["message"]
    assert message and "\n" not in message and "Traceback" not in message
    return message


def upload(client: TestClient, content: bytes, name: str = "dos", **options: object):
    return client.post("/api/target/file", params={"name": name, **options}, content=content)


def test_targets_of_all_kinds(client: TestClient, designer: Designer) -> None:
    energies = designer.model.recipe.grid.energies
    named = client.post("/api/target/name", json={"text": "NiPt3"}).json()
    assert (named["formula"], named["material_id"]) == ("Pt3Ni", "Pt3Ni-L1_2")
    assert sum(named["values"]) * 0.1 == pytest.approx(1, abs=1e-4)
    assert named["values"] == pytest.approx(designer.target("Pt3Ni").standard.values, abs=1e-6)

    file = upload(client, VASPRUN.read_bytes(), "vasprun.xml.gz").json()
    assert file["formula"] == "AlN" and file["gap_ev"] > 3
    assert file["values"] == pytest.approx(designer.target(str(VASPRUN)).standard.values, abs=1e-6)

    wide = np.linspace(-10, 10, 401)
    density = np.exp(-((wide + 2) ** 2)) + 0.1
    text = "energy (eV)\tdos\n" + "\n".join(f"{e}\t{d}" for e, d in zip(wide, density, strict=True))
    pasted = client.post("/api/target/columns", json={"text": text}).json()
    numbers = client.post("/api/target/curve", json={"energies": wide.tolist(), "densities": density.tolist()}).json()
    assert pasted["values"] == pytest.approx(numbers["values"], abs=1e-6)
    assert energies[np.argmax(pasted["values"])] == pytest.approx(-2, abs=0.06)


def test_no_file_is_opened_by_name(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dos.csv").write_text("\n".join(f"{e} 1" for e in range(-10, 11)))
    monkeypatch.chdir(tmp_path)
    for text in ("dos.csv", str(tmp_path / "dos.csv"), "/etc/passwd", "../../etc/passwd", "DOSCAR"):
        response = client.post("/api/target/name", json={"text": text})
        assert response.status_code == 422 and ("not a formula" in said(response) or "not an element" in said(response))
    for identifier in ("../open-dos", "/etc/passwd", "Pt3Ni-L1_2/../.."):
        for kind in ("known", "new"):
            response = client.get("/api/material/file", params={"kind": kind, "id": identifier, "form": "cif"})
            assert response.status_code == 404
    for path in ("/../app.py", "/%2e%2e/app.py", "/vendor/../report.css", "/vendor/%2e%2e/%2e%2e/html.py"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02" * 100, "binary"),
        (b"hello world", "neither a table"),
        (VASPRUN.read_bytes()[:4000], "truncated"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><modeling>&b;</modeling>', "entit"),
        (b"PK\x03\x04" + b"0" * 100, "zip"),
        (gzip.compress(b"0 1\n" * 4_000_000), "larger than 8 MiB"),
        (b"\n".join(b"%d nan" % e for e in range(-10, 20)), "not numbers"),
    ],
)
def test_broken_files_are_refused_in_a_line(client: TestClient, content: bytes, words: str) -> None:
    response = upload(client, content, "mine\n<b>.dat")
    assert response.status_code == 422
    assert words in said(response)


def test_uploads_and_questions_have_a_limit(client: TestClient) -> None:
    assert upload(client, b"0" * (3 * 2**20 + 1)).status_code == 413

    def endless():
        for _ in range(5):
            yield b"0" * 2**20

    response = client.post("/api/target/file", content=endless())  # sent in pieces, of no stated size
    assert response.status_code == 411 and "Content-Length" in said(response) and response.headers["connection"] == "close"
    assert client.post("/api/answer", content=b" " * (2 * 2**20 + 1)).status_code == 413
    for address in ("/" + "a/" * 5000, "/api/material?id=" + "a" * 10_000):
        assert client.get(address).status_code == 414


@pytest.mark.parametrize("limit", [{"reading_seconds": 0.05}, {"reading_mebibytes": 256}])
def test_reading_has_limits(designer: Designer, tmp_path: Path, limit: dict) -> None:
    """Whatever the reader runs into, the board says so and goes on."""
    app = create_app(Settings.model_validate({"web": limit}), designer, tmp_path)
    with TestClient(app, base_url=BASE) as client:
        response = upload(client, b'{"energies": [' + b"0.5, " * 4_000_000 + b"0.5]}")
        assert response.status_code == 422 and "cut it down" in said(response)
        assert client.get("/api/board").status_code == 200


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ("import sys; sys.exit('ValueError: odd')", "crashed the reader (ValueError: odd)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed the reader (Segmentation fault)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "more memory or time"),
        ("raise MemoryError", "more memory or time"),
    ],
)
def test_a_reader_that_crashes_is_no_file_that_is_too_large(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, reader: str, words: str
) -> None:
    monkeypatch.setattr("dosmith.processes.python", lambda module: [sys.executable, "-P", "-c", reader])
    response = upload(client, b"0 1\n" * 600_000)
    assert response.status_code == 422 and words in said(response)


def test_files_of_the_current_folder_are_not_imported(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "queue", "numpy", "io"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the current folder')\n")
    monkeypatch.chdir(tmp_path)
    assert upload(client, VASPRUN.read_bytes(), "vasprun.xml.gz").json()["formula"] == "AlN"


def test_strangers_are_kept_out(client: TestClient) -> None:
    assert client.get("/api/board", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/api/board", headers={"host": "127.0.0.1.evil.example:8765"}).status_code == 403
    assert client.get("/api/board", headers={"host": "localhost:8765"}).status_code == 200
    question = {"json": {"text": "Pt3Ni"}}
    assert client.post("/api/target/name", headers={"origin": "http://evil.example"}, **question).status_code == 403
    assert client.post("/api/target/name", headers={"origin": "null"}, **question).status_code == 403
    assert client.post("/api/target/name", headers={"origin": "http://127.0.0.1:1"}, **question).status_code == 403
    assert client.post("/api/target/name", headers={"origin": "http://["}, **question).status_code == 403
    assert client.post("/api/target/name", headers={"sec-fetch-site": "cross-site"}, **question).status_code == 403
    assert client.post("/api/target/name", headers={"origin": BASE}, **question).status_code == 200


def test_answers_tell_the_browser_to_run_nothing_else(client: TestClient) -> None:
    for path in ("/", "/api/board", "/vendor/uPlot.iife.min.js", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert "<script>" not in page and "style=" not in page and "http://" not in page and "https://" not in page


def test_a_token_is_asked_of_everybody(designer: Designer, tmp_path: Path) -> None:
    app = create_app(Settings(), designer, tmp_path, hosts=None, token="secret-token")
    with TestClient(app, base_url="http://192.0.2.7:8765") as client:
        assert client.get("/").status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert client.get("/api/board?token=secret-token").status_code == 401
        assert client.get("/api/board", headers={"authorization": "Bearer secret-token"}).status_code == 200
        entered = client.get("/?token=secret-token", follow_redirects=False)
        assert entered.status_code == 303 and entered.headers["location"] == "/"
        assert "HttpOnly" in entered.headers["set-cookie"] and "samesite=lax" in entered.headers["set-cookie"].lower()
        assert "secret-token" not in entered.headers["set-cookie"]
        assert client.get("/api/board").status_code == 200
        linked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert client.get("/", headers=linked).status_code == 200  # from a mail, say
        assert client.get("/api/board", headers=linked).status_code == 403
        kept = client.get("/?token=secret-token&a=1&b=", follow_redirects=False)
        assert kept.headers["location"] == "/?a=1&b="


@pytest.mark.parametrize("token", ['a b;c="d"', "Schlüssel-ключ", "x&y=z#1%20+"])
@pytest.mark.parametrize("others", ["", 'odd={"a": 1, b}; =; ;;; spaced out', "dosmith_token_1=of another board"])
def test_odd_tokens_and_cookies_lock_nobody_out(designer: Designer, tmp_path: Path, token: str, others: str) -> None:
    app = create_app(Settings(), designer, tmp_path / str(len(others)), token=token)
    client = TestClient(app, base_url=BASE)
    entered = client.get(f"/?token={quote(token, safe='')}", follow_redirects=False)
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"].partition(";")[0]
    client.cookies.clear()
    assert client.get("/", headers={"cookie": f"{others}; {cookie}"}).status_code == 200
    assert client.get("/", headers={"cookie": others}).status_code == 401
    moved = cookie.replace("_8765=", "_8766=")  # the board of another port
    assert moved != cookie and client.get("/", headers={"cookie": moved}).status_code == 401


def test_a_material_s_card_and_files(client: TestClient, pt3ni: list[float]) -> None:
    answer = client.post("/api/answer", json={"values": pt3ni, "top": 3}).json()
    for row in answer["known"] + answer["new"]:
        asked = {"kind": row["kind"], "id": row["id"]}
        card = client.get("/api/material", params=asked).json()
        assert card["formula"] == row["formula"] and card["crystal"]["atoms"] and card["facts"] and card["provenance"]
        cif = client.get("/api/material/file", params=asked | {"form": "cif"})
        assert f'filename="{row["id"]}.cif"' in cif.headers["content-disposition"]
        poscar = client.get("/api/material/file", params=asked | {"form": "poscar"}).text
        one, other = Structure.from_str(cif.text, fmt="cif"), Structure.from_str(poscar, fmt="poscar")
        assert one.composition.reduced_formula == other.composition.reduced_formula
        assert one.volume / len(one) == pytest.approx(other.volume / len(other), rel=1e-3)
        table = client.get("/api/material/file", params=asked | {"form": "csv"}).text.splitlines()
        assert len(table) == 152
        assert table[0] == ("energy_ev,dos_per_ev" if row["kind"] == "known" else "energy_ev,dos_per_ev,lower,upper")
        curve = client.get("/api/material/curve", params=asked).json()
        assert sum(curve["values"]) * 0.1 == pytest.approx(1, abs=1e-3)
        assert (curve["half_width"] is None) == (row["kind"] == "known")


def test_the_drawn_cell_is_whole(client: TestClient) -> None:
    crystal = client.get("/api/material", params={"kind": "known", "id": "Pt3Ni-L1_2"}).json()["crystal"]
    symbols = [atom["symbol"] for atom in crystal["atoms"]]
    assert (symbols.count("Ni"), symbols.count("Pt")) == (8, 6)  # corners and faces of a cube
    places = np.array([atom["position"] for atom in crystal["atoms"]])
    lengths = {round(float(np.linalg.norm(places[one] - places[other])), 2) for one, other in crystal["bonds"]}
    assert len(lengths) == 1 and min(lengths) == pytest.approx(crystal["lattice"][0][0] / 2**0.5, abs=0.01)


def test_a_neighbourhood_shows_how_far_each_is(client: TestClient, pt3ni: list[float]) -> None:
    places = client.post("/api/neighbourhood", json={"values": pt3ni}).json()["places"]
    assert len(places) > 40 and {place["kind"] for place in places} == {"known", "new"}
    for place in places:
        assert np.hypot(place["x"], place["y"]) == pytest.approx(1 - place["similarity"], abs=1e-4)


def test_the_map_of_the_elements_knows_chemistry(client: TestClient) -> None:
    found = client.get("/api/elements").json()
    at = {s: np.array([x, y]) for s, x, y in zip(found["symbols"], found["x"], found["y"], strict=True)}
    assert len(at) == len(client.get("/api/board").json()["elements"]) and all(
        (place >= 0).all() and (place <= 1).all() for place in at.values()
    )
    assert np.linalg.norm(at["Pd"] - at["Pt"]) < np.linalg.norm(at["Pd"] - at["Cl"])


def test_the_answer_leaves_as_json_and_report(client: TestClient, pt3ni: list[float]) -> None:
    query = {"values": pt3ni, "name": "my <curve>", "top": 3, "exclude": ["Rh"]}
    answer = client.post("/api/design", json=query).json()
    assert len(answer["candidates"]) == 3 and answer["settings"]["exclude"] == ["Rh"]
    bounded = client.post("/api/design", json=query | {"gap": [1, 4], "above_hull": 0.1, "price": 500}).json()
    assert bounded["settings"]["gap"] == "1:4"
    for each in bounded["candidates"]:
        assert 1 <= each["gap_ev"] < 4 and each["above_hull_ev"] <= 0.1
    report = client.post("/api/report", json=query)
    assert report.headers["content-type"].startswith("text/html") and "attachment" in report.headers["content-disposition"]
    assert "my &lt;curve&gt;" in report.text and "<curve>" not in report.text


def test_the_paper_s_model_has_no_crystals_to_show(tmp_path: Path, pt3ni: list[float]) -> None:
    with TestClient(create_app(Settings(), Designer(model="paper"), tmp_path), base_url=BASE) as client:
        assert client.get("/api/board").json()["candidates"] is None
        row = client.post("/api/answer", json={"values": pt3ni, "top": 1}).json()["new"][0]
        for path in ("material", "material/curve"):
            response = client.get(f"/api/{path}", params={"kind": "new", "id": row["id"]})
            assert response.status_code == 404 and "compositions only" in said(response)
        assert client.post("/api/neighbourhood", json={"values": pt3ni}).status_code == 200
        assert client.post("/api/jobs", json={"task": "relax", "kind": "new", "id": row["id"]}).status_code in (404, 422)


def test_openapi_is_what_is_committed(app: FastAPI) -> None:
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert app.openapi() == committed, "write it anew: make openapi"


def test_crystals_are_suggested_computed_ones_first(client: TestClient) -> None:
    def ask(text: str) -> list[dict]:
        return client.get("/api/targets", params={"text": text}).json()

    found = ask("Ni Pt3")
    assert (found[0]["kind"], found[0]["id"]) == ("known", "Pt3Ni-L1_2") and {"known", "new"} == {each["kind"] for each in found}
    assert {each["formula"] for each in found} == {"Pt3Ni"} and found[0]["prototype"] == "L1_2"
    assert ask("al")[0]["id"] == "Al-A1" and ask("pt2rhni")[0]["kind"] == "new"
    assert ask("") == ask("Xx") == ask("../etc") == []
    assert len(ask("P")) == 20


def test_a_card_says_how_long_such_a_calculation_takes(client: TestClient) -> None:
    card = client.get("/api/material", params={"kind": "known", "id": "Pt3Ni-L1_2"}).json()
    assert 1 < card["seconds"] < 3600
    assert ["Prototype", "L1_2 (Cu3Au)"] in card["facts"]


def test_parts_that_nobody_computed_are_those_that_the_model_predicts(client, designer) -> None:
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    library = designer.library
    known = next(name for name in library.ids if name.endswith("-L1_2") and library.material(name).projections is None)
    whole = client.post("/api/target/name", json={"text": known}).json()
    metal = next(part for part in whole["parts"] if part.endswith(":d"))
    part = client.post("/api/target/name", json={"text": known, "part": metal}).json()
    assert part["counted"] == metal and part["values"] != whole["values"]
    assert "its projections are predicted by the model" in part["source"]


def test_a_part_of_the_states_is_a_target(client, designer) -> None:
    library = designer.library
    known = library.ids[library.projected("O", "p")[1]]
    whole = client.post("/api/target/name", json={"text": known}).json()
    assert whole["counted"] is None and "O:p" in whole["parts"]
    part = client.post("/api/target/name", json={"text": known, "part": "O:p"}).json()
    assert part["counted"] == "O:p" and part["values"] != whole["values"]
    curve = client.get("/api/material/curve", params={"kind": "known", "id": known, "part": "O:p"}).json()
    assert curve["values"] == pytest.approx(part["values"], abs=1e-5)
    answer = client.post("/api/answer", json={"values": part["values"], "part": "O:p", "top": 3}).json()
    assert answer["known"][0]["id"] == known and -7.5 < answer["band"]["centre"] < 7.5
    around = client.post("/api/neighbourhood", json={"values": part["values"], "part": "O:p"})
    assert around.status_code == 200
    refused = client.post("/api/target/name", json={"text": known, "part": "Zz:d"})
    assert refused.status_code == 422 and "is no part" in refused.json()["message"]
