"""The board's server: `create_app(settings, designer)` and every address it answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from dosmith.crystals.kinds import common_name, common_names
from dosmith.designer import Designer
from dosmith.designs import Design
from dosmith.element_facts import element_prices
from dosmith.errors import DosmithError, NotFoundError
from dosmith.library import JoinedLibrary, MemoryLibrary
from dosmith.records import Spectrum
from dosmith.settings import Settings
from dosmith.spectra.parts import NoProjectionsError
from dosmith.spectra.standard import standardise
from dosmith.targets import OTHERS, Reading, Target, named_target
from dosmith.version import __version__
from dosmith.web import maps, messages
from dosmith.web.guard import LOCAL, Guard
from dosmith.web.jobs import Jobs, missing
from dosmith.web.lanes import BusyError, Lane
from dosmith.web.live import Live
from dosmith.web.materials import Materials
from dosmith.web.reading import Reader
from dosmith.web.work import HERE

UPLOAD = "/api/target/file"
_SUGGESTED = 20
_PAUSE = 0.05
"""Seconds from one thing that is laid out beside answers to the next."""
_AROUND = 48
"""Known spectra in the picture of a target's neighbourhood."""

KindOf = Annotated[messages.Kind, Query(description="known material or predicted crystal")]
IdOf = Annotated[str, Query(max_length=200, description="its id")]
PartOf = Annotated[str | None, Query(max_length=12, description=messages.PART)]
FermiOf = Annotated[float | None, Query(ge=-1e6, le=1e6, allow_inf_nan=False, description="Fermi level on the file's axis, eV")]
ElectronsOf = Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="find the Fermi level by this many electrons")]
ZeroOf = Annotated[str | None, Query(max_length=20, description=messages.ZERO)]
SigmaOf = Annotated[float, Query(ge=0, le=10, allow_inf_nan=False, description="Gaussian sigma that the curve carries, eV")]


def create_app(
    settings: Settings,
    designer: Designer,
    jobs: Path | None = None,
    hosts: Sequence[str] | None = LOCAL,
    token: str | None = None,
) -> FastAPI:
    """The drawing board.

    Args:
        settings: limits; those of calculations.
        designer: a library and a model.
        jobs: folder of background calculations; the user's data folder when None.
        hosts: names under which it is reached; None for any.
        token: that everybody must know, or None.
    """
    if jobs is None:
        from platformdirs import user_data_path

        jobs = user_data_path("dosmith") / "web-jobs"
    board = _Board(settings, designer, jobs)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(board.warm_up)
        bands = asyncio.create_task(board.lay_out_d_bands())
        yield
        bands.cancel()
        board.close()
        await asyncio.to_thread(board.jobs.close)

    app = FastAPI(
        title="dosmith drawing board",
        version=__version__,
        description="A density of states in, the materials that have it out. Errors are one line in `message`.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
        responses={
            status: {"model": messages.Problem, "description": text}
            for status, text in (
                (400, "the request cannot be read"),
                (404, "there is no such thing"),
                (408, "what was sent did not arrive in time"),
                (411, "the size of what is sent is not stated"),
                (413, "too large"),
                (422, "cannot be used; the message says why"),
                (429, "too many ask, send or calculate; ask again in a moment"),
            )
        },
    )
    app.include_router(_routes(board))
    static = resources.files("dosmith.web").joinpath("static")
    vendor = resources.files("dosmith.report").joinpath("assets", "vendor")
    app.mount("/vendor", StaticFiles(directory=str(vendor)), name="vendor")
    app.mount("/", StaticFiles(directory=str(static), html=True), name="static")
    app.add_middleware(
        Guard,
        hosts=hosts,
        token=token,
        uploads={UPLOAD: settings.web.upload_mebibytes * 2**20},
        turns=settings.web.readers,
        waiting=settings.web.uploads_waiting,
        seconds=settings.web.upload_seconds,
    )
    app.add_exception_handler(DosmithError, _told)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _http)
    return app


class _Board:
    """Everything behind the addresses."""

    def __init__(self, settings: Settings, designer: Designer, jobs: Path) -> None:
        self.settings, self.designer, self._base = settings, designer, designer
        self.live, self.materials = Live(designer), Materials(designer)
        self._taking_over = threading.Lock()
        self.jobs = Jobs(jobs, self.materials, settings, self.take_over)
        self.reader = Reader(settings, designer.model.recipe)
        waiting = settings.web.questions
        self.look_up = Lane("look-ups", 2, waiting)
        self.quick = Lane("answers", 2, waiting, after=self.look_up)  # their arithmetic does not hold Python's lock
        self.long, self.slow = (Lane(name, 1, waiting, after=self.look_up) for name in ("designs", "maps"))

    def close(self) -> None:
        """Answer nothing more."""
        for lane in (self.quick, self.look_up, self.long, self.slow):
            lane.close()

    def warm_up(self) -> None:
        """Lay out everything that a first answer would wait for."""
        self.take_over()
        _laid_out(self.live, self.materials)

    async def lay_out_d_bands(self) -> None:
        """Read the d bands of known materials little by little, before they are shown."""
        live = self.live
        for rows in await asyncio.to_thread(live.d_bands_to_lay_out):
            await asyncio.sleep(_PAUSE)
            with suppress(BusyError):  # maps are being drawn: these are read when they are shown
                await self.slow(live.lay_out_d_bands, rows)

    def take_over(self) -> None:
        """What was computed here is known from now on. The old answers while the new ones are laid out."""
        with self._taking_over:
            self._take_over()

    def _take_over(self) -> None:
        base = self._base
        computed = [each for each in self.jobs.computed() if each.id not in base.library]
        names = frozenset(each.id for each in computed)
        if names == self.live.here:
            return
        designer = base
        if computed:
            library = JoinedLibrary([base.library, MemoryLibrary(computed, HERE)])
            designer = Designer(library, base.model, base.settings, base.atlases, base.shipped)
        live, materials = Live(designer, names), Materials(designer)
        _laid_out(live, materials)
        self.designer, self.live, self.materials, self.jobs.materials = designer, live, materials, materials

    def facts(self) -> messages.BoardFacts:
        """What the board is made of."""
        model, library = self.designer.model, self.designer.library
        systems = set(model.atlas.crystal_systems) if model.atlas is not None else set()
        here = {name: called for name in set(library.prototypes) if name and (called := common_name(name))}
        return messages.BoardFacts(
            version=__version__,
            energies=model.recipe.grid.energies.round(6).tolist(),
            broadening=model.recipe.broadening,
            elements=list(model.elements),
            crystal_systems=sorted(systems | {system for system in library.crystal_systems if system}),
            ratios=[":".join(map(str, counts)) for counts in model.ratios],
            prototypes=dict(common_names()) | here,
            library=library.name,
            spectra=len(self.designer.known),
            model=model.name,
            limited="gap" in model.honours,
            d_bands=self.live.d_bands,
            candidates=None if model.atlas is None else len(model.atlas),
            prices=element_prices(),
            jobs=missing(),
        )

    def named(self, request: messages.Named) -> messages.TargetCurve:
        """The curve of a formula or an id, with the parts that the library tells of it, else those that the model may predict."""
        library, recipe = self.designer.library, self.designer.model.recipe
        reading, text = (
            Reading(request.crystal_system, zero=request.zero, part=messages.part_of(request.part)),
            request.text.strip(),
        )
        try:
            target = named_target(text, library, recipe, reading)
        except NoProjectionsError:
            target = self.designer.read(text, reading)
        target = replace(target, source=target.source.partition(OTHERS)[0])  # they stand beside the title, to choose from
        parts = [] if target.material_id is None else self.materials.parts(target.material_id)
        return _as_drawn(target).model_copy(update={"counted": request.part, "parts": parts})

    def of_numbers(self, drawn: messages.Drawn) -> Target:
        """A curve given as numbers."""
        spectrum = Spectrum.from_arrays(drawn.energies, drawn.densities, drawn.fermi, broadening=drawn.broadening)
        return Target("curve", "numbers", standardise(spectrum, self.designer.model.recipe))

    def design(self, query: messages.NamedQuery) -> Design:
        """The whole answer, as the command line gives it."""
        target = self.live.target(query, query.name, query.source)
        weights = None if query.weights is None else np.array(query.weights)
        return self.designer.design(target, weights=weights, **messages.plain(query.model_dump()))

    def around(self, query: messages.Query) -> messages.Neighbourhood:
        """The nearest known spectra and the best new crystals around the drawn curve."""
        target = self.live.target(query)
        wanted = query.model_copy(update={"top": _AROUND, "metric": "cosine", "window": None, "weights": None})
        answer = self.live.answer(wanted)
        rows = [*answer.known, *(row for row in answer.new[: _AROUND // 2] if row.similarity is not None)]
        part = target.part
        curves = [
            (self.materials.curve(row.kind, row.id) if part is None else self.live.curve_of_part(part, row.kind, row.id)).values
            for row in rows
        ]
        places = [
            messages.Place(kind=row.kind, id=row.id, formula=row.formula, similarity=_cosine(target, curve), x=0, y=0)
            for row, curve in zip(rows, curves, strict=True)
        ]
        return maps.neighbourhood(target.standard.values, np.array(curves), places)


def _laid_out(live: Live, materials: Materials) -> None:
    flat = [1.0] * live.recipe.grid.points
    for count in (None, 3):  # the hull of three elements is laid out apart
        live.answer(messages.Query(values=flat, n_elements=count))
    materials.suggestions("Pt", 1)


def _routes(board: _Board) -> APIRouter:
    router = APIRouter(prefix="/api")
    named: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

    @router.get("/board")
    async def board_facts() -> messages.BoardFacts:
        """What the board is made of."""
        return await board.look_up(board.facts)

    @router.post("/target/name")
    async def target_by_name(request: messages.Named) -> messages.TargetCurve:
        """The curve of a formula or an id of the library."""
        return await board.look_up(board.named, request)

    @router.get("/targets")
    async def targets(
        text: Annotated[str, Query(max_length=200, description="a formula, or the beginning of one or of an id")],
    ) -> list[messages.Suggestion]:
        """Crystals that may be meant: those of the formula first, computed before predicted."""
        return await board.look_up(board.materials.suggestions, text.strip(), _SUGGESTED)

    @router.post("/target/file", openapi_extra={"requestBody": named | {"required": True}})
    async def target_from_file(
        request: Request,
        name: Annotated[str, Query(max_length=200, description="of the file")] = "file",
        fermi: FermiOf = None,
        broadening: SigmaOf = 0.0,
        electrons: ElectronsOf = None,
        zero: ZeroOf = None,
    ) -> messages.TargetCurve:
        """The curve in a file, sent as the body: vasprun.xml, DOSCAR, pymatgen JSON, CSV; plain or gzipped."""
        return _as_drawn(await board.reader.target(await request.body(), name, fermi, broadening, electrons, zero))

    @router.post("/target/columns")
    async def target_from_columns(request: messages.Columns) -> messages.TargetCurve:
        """The curve in pasted columns of energy and density."""
        found = await board.reader.target(
            request.text.encode(), "the pasted table", request.fermi, request.broadening, request.electrons, request.zero
        )
        return _as_drawn(
            replace(found, name="Pasted columns" if found.composition is None else found.name, source="pasted by hand")
        )

    @router.post("/target/curve")
    async def target_from_curve(request: messages.Drawn) -> messages.TargetCurve:
        """A curve given as numbers."""
        return _as_drawn(await board.look_up(board.of_numbers, request))

    @router.post("/answer")
    async def answer(query: messages.Query) -> messages.Answer:
        """What has this DOS, and which elements are promising; made to be asked many times a second."""
        return await board.quick(board.live.answer, query)

    @router.post("/design")
    async def design(query: messages.NamedQuery) -> dict[str, Any]:
        """The whole answer, laid out as in docs/json.md."""
        return await board.long(lambda: board.design(query).as_dict())

    @router.post("/report", response_class=HTMLResponse)
    async def report(query: messages.NamedQuery) -> HTMLResponse:
        """The same as a page that is complete in itself."""
        from dosmith.report.html import render
        from dosmith.report.output import report_data

        page = await board.long(lambda: render(report_data(board.design(query))))
        return HTMLResponse(page, headers={"Content-Disposition": 'attachment; filename="report.html"'})

    @router.get("/material")
    async def material(kind: KindOf, id: IdOf) -> messages.Card:
        """What is known of a material, with its crystal."""
        return await board.look_up(board.materials.card, kind, id)

    @router.get("/material/curve")
    async def material_curve(kind: KindOf, id: IdOf, part: PartOf = None) -> messages.Curve:
        """Its DOS, or a part of it: computed, or predicted with a band."""
        if (wanted := messages.part_of(part)) is not None:
            return await board.look_up(board.live.curve_of_part, wanted, kind, id)
        return await board.look_up(board.materials.curve, kind, id)

    @router.get("/material/file", response_class=Response)
    async def material_file(kind: KindOf, id: IdOf, form: Literal["cif", "poscar", "csv"]) -> Response:
        """Its crystal as CIF or POSCAR, or its DOS as CSV."""
        if form == "csv":
            return _download(await board.look_up(board.materials.curve_csv, kind, id), f"{id}-dos.csv", "text/csv")
        text = await board.look_up(board.materials.structure_text, kind, id, form)
        return _download(
            text, f"{id}.cif" if form == "cif" else f"{id}.poscar", "chemical/x-cif" if form == "cif" else "text/plain"
        )

    @router.post("/neighbourhood")
    async def neighbourhood(query: messages.Query) -> messages.Neighbourhood:
        """The nearest known and predicted spectra around a drawn curve."""
        return await board.long(board.around, query)

    @router.get("/elements")
    async def elements() -> messages.ElementMap:
        """The map of the elements."""
        return await board.slow(maps.element_map)

    @router.get("/jobs")
    async def jobs() -> list[messages.Job]:
        """All calculations that are remembered, newest first."""
        return await board.look_up(board.jobs.all)

    @router.post("/jobs")
    async def start_job(request: messages.JobRequest) -> messages.Job:
        """Start a calculation in the background."""
        return await board.look_up(board.jobs.start, request)

    @router.get("/jobs/{job}")
    async def job(job: str) -> messages.Job:
        """A calculation, with its result once it is done."""
        return await board.look_up(board.jobs.get, job)

    @router.delete("/jobs/{job}", status_code=204, response_class=Response)
    async def stop_job(job: str) -> Response:
        """Stop a calculation, or forget one that is over."""
        await asyncio.to_thread(board.jobs.stop, job)  # it may take seconds to tidy up
        return Response(status_code=204)

    @router.get("/jobs/{job}/file", response_class=Response)
    async def job_file(job: str, name: Annotated[str, Query(max_length=40)]) -> Response:
        """A file that a calculation left."""
        found, content = await board.look_up(lambda: (board.jobs.get(job), board.jobs.file(job, name)))
        return _download(content, f"{found.material}-{name}", "text/plain")

    return router


def _as_drawn(target: Target) -> messages.TargetCurve:
    return messages.TargetCurve(**target.as_dict(), values=[round(float(value), 7) for value in target.standard.values])


def _cosine(target: Target, curve: Sequence[float]) -> float:
    mine, theirs = target.standard.values, np.array(curve)
    return round(float(mine @ theirs / (np.linalg.norm(mine) * np.linalg.norm(theirs))), 5)


def _download(content: str | bytes, name: str, kind: str) -> Response:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{plain}"'})


_FIELDS = (
    ("with --fermi", "in its field"),
    ("with --electrons", "in theirs"),
    ("--electrons with the number", "the number of electrons"),
    ("--fermi", "the Fermi level"),
    ("--electrons", "the number of electrons"),
    ("give --zero in eV", "choose another energy zero"),
    (", or say of what with --project", ""),
    (", with --project", ""),
    ("by --library", "to dosmith web by its option --library"),
)
"""What the command line calls an option has a field on the page, or none."""


def _told(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NotFoundError) else 429 if isinstance(error, BusyError) else 422
    message = " ".join(str(error).split())
    for option, field in _FIELDS:
        message = message.replace(option, field)
    return JSONResponse({"message": message}, status, {"Retry-After": "1"} if status == 429 else None)


def _misread(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return JSONResponse({"message": f"{where or 'the request'}: {first['msg']}"}, 422)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": str(error.detail)}, error.status_code, headers=error.headers)
