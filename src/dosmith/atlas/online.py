"""Crystals of databases: summaries of the Materials Project, JARVIS' set of all its crystals, any provider of OPTIMADE.

OPTIMADE: C. W. Andersen et al., Sci. Data 8, 217 (2021).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from dosmith.atlas.reading import Item, of_entry
from dosmith.errors import DosmithError
from dosmith.sources.fetching import Query, TransientError, patiently
from dosmith.sources.mp_client import Client, structure_of

PAGE = 100
"""Crystals asked for at a time."""
_FIELDS = "lattice_vectors,cartesian_site_positions,species,species_at_sites,nsites"
_MEBIBYTES = 64  # of one answer

Get = Callable[[str], bytes]


def of_materials_project(client: Client, query: Query) -> Iterator[Item]:
    """The crystals of the Materials Project that a query asks for.

    Raises:
        DosmithError: the server refuses the key, or did not answer often enough.
    """
    for entry in client.summaries(query):
        plain = {name: value for name, value in entry.items() if name in ("material_id", "energy_above_hull")}
        structure = structure_of(entry)
        yield of_entry(
            plain | {"material_id": str(entry["material_id"]), "structure": structure.as_dict()}, str(entry["material_id"])
        )


def of_jarvis(folder: Path, download: Callable[[str, Path], Path] | None = None) -> Iterator[Item]:
    """The crystals of JARVIS-DFT; its set stays in `folder` for the next time.

    Raises:
        MissingExtraError: jarvis-tools is not installed.
        DosmithError: the set cannot be had or is damaged.
    """
    from dosmith.sources.jarvis import download_set, entries

    for entry in entries((download or download_set)("dft_3d", folder)):
        yield of_entry(entry, str(entry.get("jid", "an entry of JARVIS")))


def of_optimade(url: str, asked: str | None = None, get: Get | None = None) -> Iterator[Item]:
    """The crystals of a provider of OPTIMADE, page by page.

    Args:
        url: of the provider, with or without /v1/structures.
        asked: filter in OPTIMADE's language, such as `elements HAS "Si"`; all when None.
        get: asks for an address; by HTTP when None.

    Raises:
        DosmithError: the provider did not answer often enough, refuses the filter, or its answer is none.
    """
    base = url.rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        raise DosmithError(f"'{url}' is no address of an OPTIMADE provider; write it with https://")
    if not base.endswith("/structures"):
        base = f"{base}{'' if base.rpartition('/')[2].startswith('v1') else '/v1'}/structures"
    wanted = {"response_format": "json", "page_limit": str(PAGE), "response_fields": _FIELDS} | (
        {"filter": asked} if asked else {}
    )
    page: str | None = f"{base}?{urlencode(wanted)}"
    provider, seen = urlsplit(base).hostname or base, set[str]()
    while page is not None and page not in seen:
        seen.add(page)
        address = page
        answer = patiently(lambda address=address: _answer(address, get or _get))  # type: ignore[misc]
        for entry in answer["data"]:
            if isinstance(entry, Mapping):
                identifier = str(entry.get("id", ""))
                yield of_entry(
                    {"attributes": entry.get("attributes") or {}, "id": f"{provider}-{identifier}"}, f"{provider} {identifier}"
                )
        page = _next(answer, address)


def _answer(address: str, get: Get) -> Mapping[str, Any]:
    try:
        found = json.loads(get(address))
    except HTTPError as error:
        if error.code in (429, 500, 502, 503, 504):
            raise TransientError(f"HTTP {error.code}") from None
        raise DosmithError(
            f"the OPTIMADE provider refuses the question (HTTP {error.code} {error.reason}); check address and filter"
        ) from None
    except (URLError, TimeoutError, ConnectionError, ValueError, RecursionError) as error:
        raise TransientError(str(error)[:200]) from None
    if not isinstance(found, Mapping) or not isinstance(found.get("data"), list):
        said = (found.get("errors") or [{}])[0].get("detail", "") if isinstance(found, Mapping) else ""
        raise DosmithError(f"the OPTIMADE provider's answer holds no structures {said[:100]}; check address and filter")
    return found


def _next(answer: Mapping[str, Any], address: str) -> str | None:
    """The address of the next page, on the same host; None at the end."""
    link = (answer.get("links") or {}).get("next")
    link = link.get("href") if isinstance(link, Mapping) else link
    if not isinstance(link, str) or not link:
        return None
    return link if urlsplit(link).hostname == urlsplit(address).hostname else None


def _get(address: str) -> bytes:
    from urllib.request import Request, urlopen

    with urlopen(Request(address, headers={"Accept": "application/json"}), timeout=60) as answer:  # http and https alone
        content = bytes(answer.read(_MEBIBYTES * 2**20 + 1))
    if len(content) > _MEBIBYTES * 2**20:
        raise DosmithError(f"the OPTIMADE provider's answer is larger than {_MEBIBYTES} MiB")
    return content
