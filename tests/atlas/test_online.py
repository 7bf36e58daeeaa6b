from __future__ import annotations

import json
from io import BytesIO
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest

from atlas_samples import jarvis_entry, optimade_entry
from dosmith.atlas.online import of_jarvis, of_materials_project, of_optimade
from dosmith.atlas.reading import crystal_of
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import DosmithError
from dosmith.sources import fetching
from dosmith.sources.fetching import Query

SALT = PROTOTYPES["B1"].structure(("Na", "Cl"), 22.0)


def test_optimade_is_read_page_by_page():
    asked = []

    def get(address):
        asked.append(address)
        number = len(asked)
        following = f"https://here.org/v1/structures?page={number}" if number < 3 else None
        return json.dumps({"data": [optimade_entry(SALT, str(number))], "links": {"next": following}}).encode()

    found = list(of_optimade("https://here.org", 'elements HAS "Na"', get))
    assert [(each.id, each.source) for each in found] == [(f"here.org-{n}", "optimade") for n in (1, 2, 3)]
    assert crystal_of(found[1]).matches(SALT)
    assert urlsplit(asked[0]).path == "/v1/structures"
    assert parse_qs(urlsplit(asked[0]).query)["filter"] == ['elements HAS "Na"']


def test_a_busy_provider_is_asked_again_and_a_refusal_told(monkeypatch):
    monkeypatch.setattr(fetching.time, "sleep", lambda seconds: None)
    codes = [503, 429]

    def busy(address):
        if codes:
            raise HTTPError(address, codes.pop(), "busy", {}, BytesIO())
        return json.dumps({"data": [optimade_entry(SALT, "1")], "links": {"next": "https://elsewhere.org/steal"}}).encode()

    assert len(list(of_optimade("https://here.org/optimade/v1", get=busy))) == 1

    def refusing(address):
        raise HTTPError(address, 400, "Bad Request", {}, BytesIO())

    with pytest.raises(DosmithError, match="refuses the question"):
        list(of_optimade("https://here.org", "nonsense", refusing))
    with pytest.raises(DosmithError, match="holds no structures"):
        list(of_optimade("https://here.org", get=lambda address: b"[]"))


def test_summaries_of_the_materials_project():
    class Client:
        def summaries(self, query):
            yield {"material_id": "mp-22862", "structure": SALT, "energy_above_hull": 0.0, "efermi": 1.0}

    (found,) = of_materials_project(Client(), Query(("Na", "Cl"), 2))
    assert (found.id, found.source, found.facts) == ("mp-22862", "materials-project", {"above_hull": 0.0})
    assert crystal_of(found).matches(SALT)


def test_jarvis_set_of_crystals(tmp_path):
    import zipfile

    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", json.dumps([jarvis_entry(SALT, "JVASP-1")]))
    (found,) = of_jarvis(tmp_path, lambda name, folder: path)
    assert (found.id, found.source, found.facts) == ("JVASP-1", "jarvis", {"above_hull": 0.02})
