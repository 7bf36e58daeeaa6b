"""What page and server say to each other. Energies are in eV from the energy zero, densities in 1/eV."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dosmith.spectra.match import Gaps
from dosmith.spectra.parts import SPINS, Part
from dosmith.spectra.similarity import MATCH

Energy = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Density = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Bound = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Symbols = Annotated[list[Annotated[str, Field(max_length=3)]], Field(max_length=128)]
Metric = Literal["cosine", "tanimoto", "wasserstein"]
System = Literal["triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic"]
Zero = Annotated[str, Field(max_length=20)]
ZERO = "another energy zero than the model's: auto, fermi, vbm, midgap, or eV on the curve's own axis"
PartOf = Annotated[str, Field(max_length=12)]
PART = "only these states: an element and an orbital (Pt:d), an element (Pt), an orbital (d) or a spin (up, down); all when null"
Kind = Literal["known", "new"]
"""A material with a computed DOS in the library, or a crystal whose DOS is predicted."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What could not be done."""

    message: str = Field(description="one line that says how to put it right")


class Named(_Request):
    """A target by its name."""

    text: str = Field(max_length=200, description="a formula such as Pt3Ni, or an id of the library")
    crystal_system: System | None = Field(None, description="of a formula with several crystals")
    zero: Zero | None = Field(None, description=ZERO)
    part: PartOf | None = Field(None, description=PART)


class Columns(_Request):
    """A target as pasted text."""

    text: str = Field(max_length=1_000_000, description="energy and density in columns, as in a file")
    fermi: Energy | None = Field(None, description="Fermi level on the energies' own axis, eV")
    electrons: float | None = Field(None, gt=0, allow_inf_nan=False, description="find the Fermi level by this many electrons")
    zero: Zero | None = Field(None, description=ZERO)
    broadening: float = Field(0.0, ge=0, le=10, allow_inf_nan=False, description="Gaussian sigma that the curve carries, eV")


class Drawn(_Request):
    """A target as numbers."""

    energies: list[Energy] = Field(max_length=100_000, description="eV, increasing")
    densities: list[Density] = Field(max_length=100_000, description="any unit")
    fermi: Energy = Field(0.0, description="Fermi level on the same axis, eV")
    broadening: float = Field(0.0, ge=0, le=10, allow_inf_nan=False, description="Gaussian sigma that the curve carries, eV")


class TargetCurve(BaseModel):
    """A target as the board draws it."""

    name: str
    source: str = Field(description="where it came from, in words")
    formula: str | None
    material_id: str | None = Field(description="when it is a material of the library")
    energy_zero_ev: float = Field(description="on the source's axis, eV")
    energy_zero_from: str = Field(description="what the energy zero is, and where it comes from")
    gap_ev: float = Field(description="from eigenvalues, or read off the curve, eV; 0 for a metal")
    coverage: float = Field(description="share of the window that the source covers")
    covered_ev: tuple[float, float] | None = Field(description="the part that may be compared, eV; null when it is all")
    steps: list[str] = Field(description="what was done to the curve")
    values: list[float] = Field(description="of unit area on the board's energies, 1/eV")
    counted: str | None = Field(None, description=PART)
    parts: list[str] = Field(default=[], description="parts that its source tells, those with most states first")


class Suggestion(BaseModel):
    """A crystal whose curve can be a target."""

    kind: Kind
    id: str
    formula: str
    prototype: str | None
    crystal_system: str | None


class Query(_Request):
    """A drawn curve and what its materials must be."""

    values: list[Density] = Field(
        max_length=100_000, description="one density for each of the board's energies; the area is free"
    )
    window: tuple[Energy, Energy] | None = Field(None, description="only these energies count, eV")
    weights: list[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] | None = Field(
        None, max_length=100_000, description="how much each energy counts"
    )
    part: PartOf | None = Field(None, description=f"what the curve is: {PART}")
    metric: Metric = "cosine"
    crystal_system: System | None = None
    elements: Symbols | None = Field(None, description="only these may take part")
    require: Symbols = Field(default=[], description="each of these must")
    exclude: Symbols = Field(default=[], description="none of these may")
    ratio: str | None = Field(None, max_length=20, description="counts in any order, such as 3:1")
    n_elements: int | None = Field(None, ge=1, le=9)
    gap: tuple[Bound | None, Bound | None] | None = Field(
        None, description="least and greatest gap, eV, null where there is no bound; in place of the curve's own gap"
    )
    above_hull: Bound | None = Field(None, description="at most so many eV/atom above the hull")
    price: Bound | None = Field(None, description="of the elements, at most so many USD/kg")
    top: int = Field(12, ge=1, le=100, description="rows of each list")


class NamedQuery(Query):
    """The same, to be written down."""

    name: str = Field("drawn", max_length=80, description="of the target")
    source: str = Field("drawn by hand", max_length=300, description="where it came from")


class Row(BaseModel):
    """One material in a ranked list."""

    kind: Kind
    id: str
    formula: str
    similarity: float | None = Field(description="to the curve: computed, or to be expected")
    probability: float | None = Field(
        description=f"that its DOS has a cosine above {MATCH:g} to the curve, its gap agrees, and it exists; null where nobody knows"
    )
    prototype: str | None
    crystal_system: str | None
    above_hull: float | None = Field(
        description="eV/atom; of PBE for known materials, of a potential among all crystals to be expected for new ones"
    )
    price: float | None = Field(description="of the elements in it, USD/kg")
    gap: float | None = Field(description="computed, or to be expected, eV; 0 for a metal, null where unknown")
    gap_spread: float | None = Field(None, description="standard deviation of an expected gap, eV")
    here: bool = Field(False, description="whether it was computed on this board")
    d_band_centre: float | None = Field(None, description="of its d states, eV from the energy zero; null where nothing tells")


class BandOf(BaseModel):
    """What tells of a band; energies in eV from the energy zero."""

    centre: float
    width: float = Field(description="root of the second moment about the centre")
    filling: float = Field(description="share of its states below the energy zero")
    upper_edge: float = Field(description="where the Hilbert transform is highest")


class Heat(BaseModel):
    """How promising each element is."""

    kind: Literal["probability", "similarity"] = Field(
        description="of the best predicted crystal with the element: that it matches, or its similarity where only a part of the curve counts"
    )
    values: dict[str, float]


class Answer(BaseModel):
    """What has this DOS, while it is drawn."""

    known: list[Row] = Field(description="materials that already have this DOS, most similar first")
    new: list[Row] = Field(description="predicted crystals that the library does not hold, best first")
    heat: Heat
    notes: list[str] = Field(description="what a reader must know, one sentence each")
    gap: float = Field(description="of the drawn curve, eV; 0 for a metal")
    alike: tuple[float, float] = Field(description="least and greatest gap that agree with it, eV")
    other_gaps: int = Field(description="how many of the new rows probably have another gap than is wanted")
    zero: float = Field(description="where the energy zero of the drawn curve should be, eV; 0 where it is right")
    band: BandOf | None = Field(None, description="of the curve as drawn, where it is a part of all states")
    milliseconds: float = Field(description="that the ranking took")


class BoardFacts(BaseModel):
    """What the board is made of."""

    version: str
    energies: list[float] = Field(description="eV from the energy zero")
    broadening: float = Field(description="Gaussian sigma of all curves, eV")
    elements: list[str] = Field(description="that the model knows")
    crystal_systems: list[str]
    ratios: list[str]
    prototypes: dict[str, str] = Field(description="what people call a prototype, by its symbol")
    library: str
    spectra: int = Field(description="known ones")
    model: str
    limited: bool = Field(description="whether gap, height above the hull and price may be bounded")
    d_bands: bool = Field(description="whether anything tells d-band centres")
    candidates: int | None = Field(description="crystals whose DOS is predicted; null for a model that predicts none")
    prices: dict[str, float] = Field(description="USD/kg")
    jobs: dict[str, str | None] = Field(description="kind of job -> null where it can run, else what it lacks")


class Curve(BaseModel):
    """A known or predicted DOS on the board's energies."""

    kind: Kind
    id: str
    formula: str
    values: list[float]
    half_width: list[float] | None = Field(description="of the band around a predicted curve, 1/eV")


class Atom(BaseModel):
    """An atom to draw."""

    symbol: str
    position: tuple[float, float, float] = Field(description="Angstrom")


class DrawnCrystal(BaseModel):
    """A conventional cell to draw."""

    lattice: list[tuple[float, float, float]] = Field(description="lattice vectors, Angstrom")
    atoms: list[Atom] = Field(description="those on faces, edges and corners repeated")
    bonds: list[tuple[int, int]] = Field(description="pairs of nearest atoms")


class Card(BaseModel):
    """What is known of one material."""

    kind: Kind
    id: str
    formula: str
    crystal: DrawnCrystal | None
    facts: list[tuple[str, str]] = Field(description="name and value, with unit")
    provenance: list[tuple[str, str]]
    seconds: float | None = Field(
        description="that a calculation of a crystal like this took, half of them; null where none is known"
    )
    others: list[tuple[Kind, str, str]] = Field(description="other crystals of the composition: kind, id, prototype")


class Place(BaseModel):
    """A material near the target."""

    kind: Kind
    id: str
    formula: str
    similarity: float
    x: float
    y: float


class Neighbourhood(BaseModel):
    """Known spectra around the target: the further from the middle, the less similar; what differs alike stands together."""

    places: list[Place]


class ElementMap(BaseModel):
    """Element vectors in two dimensions, between 0 and 1."""

    symbols: list[str]
    x: list[float]
    y: list[float]
    method: str


class JobRequest(_Request):
    """A calculation to start."""

    task: Literal["relax", "verify"] = Field(
        description="relax in the CHGNet potential, or compute the DOS by density-functional theory"
    )
    kind: Kind
    id: str = Field(max_length=200)


class Job(BaseModel):
    """A calculation in the background."""

    id: str
    task: Literal["relax", "verify"]
    kind: Kind
    material: str = Field(description="its id")
    formula: str
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    progress: str = Field(description="what it is doing, or why it failed")
    seconds: float = Field(description="that it has been running")
    facts: list[tuple[str, str]] = Field(default=[], description="results, with units")
    values: list[float] | None = Field(None, description="computed DOS on the board's energies, 1/eV")
    files: list[str] = Field(default=[], description="that can be fetched")


def plain(content: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `Designer.design` in a query, less the curve itself."""
    names = ("window", "metric", "crystal_system", "elements", "require", "exclude", "ratio", "n_elements", "top")
    found = {name: content[name] for name in names}
    return found | {name: content[name] for name in ("above_hull", "price")} | {"gap": wanted_gaps(content["gap"])}


def wanted_gaps(gap: tuple[float | None, float | None] | None) -> Gaps | None:
    """The gaps that are asked for; None where any will do.

    Raises:
        ConstraintError: the least is not below the greatest.
    """
    if gap is None or gap == (None, None):
        return None
    lower, upper = ("" if bound is None else f"{bound:g}" for bound in gap)
    return Gaps.parse(f"{lower}:{upper}")


def part_of(text: str | None) -> Part | None:
    """The part that a page asks for.

    Raises:
        SpectrumError: it names no element, orbital or spin.
    """
    return Part.parse(None, text) if text in SPINS else Part.parse(text)
