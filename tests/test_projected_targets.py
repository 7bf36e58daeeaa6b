"""Parts of a density of states as targets: of materials, files and bare curves that are declared as one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dosmith.designer import Designer, open_dos_set
from dosmith.errors import DosmithError, NotFoundError, OptionError, SpectrumError
from dosmith.formulas import parse
from dosmith.library import MemoryLibrary
from dosmith.library.store import write_library
from dosmith.models.calibration import Calibration
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.candidate_parts import CandidateParts
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.records import Material, Projections, Spectrum
from dosmith.spectra.descriptors import Band
from dosmith.spectra.parts import Part
from dosmith.spectra.standard import Recipe
from dosmith.targets import Reading, Target, resolve_target

E = np.linspace(-10, 10, 401)
RECIPE = Recipe()


def peak(place: float, width: float = 0.7) -> np.ndarray:
    return np.exp(-(((E - place) / width) ** 2) / 2)


def material(name: str, shift: float, spins: int = 1) -> Material:
    """A metal with a d band of platinum at -2 eV and one of its partner at 0 eV, both shifted, on broad s states."""
    partner = next(symbol for symbol, _ in parse(name) if symbol != "Pt")
    parts = {("Pt", "s"): np.full(len(E), 0.1), ("Pt", "d"): 3 * peak(-2 + shift), (partner, "d"): peak(shift, 0.4)}
    densities = np.stack([np.stack(list(parts.values())) * (1.0 if spin == 0 else 0.5) for spin in range(spins)])
    spectrum = Spectrum(E, densities.sum(axis=1), 0.0, gap=0.0, broadening=0.1)
    return Material(f"{name}-L1_2", parse(name), spectrum, "cubic", "L1_2", projections=Projections(tuple(parts), densities))


@pytest.fixture
def library() -> MemoryLibrary:
    bare = Material("PtCu3-L1_2", parse("PtCu3"), Spectrum(E, 0.1 + peak(-2), 0.0, gap=0.0), "cubic", "L1_2")
    return MemoryLibrary([material("Pt3Ni", 0.0), material("Pt3Co", 0.4, spins=2), bare])


def resolved(library: MemoryLibrary, target: object, project: str | None, spin: str | None = None, **options: object) -> Target:
    return resolve_target(target, library, RECIPE, Reading(part=Part.parse(project, spin)), **options)


def test_the_part_of_a_material(library: MemoryLibrary) -> None:
    found = resolved(library, "Pt3Ni", "Pt:d")
    assert (found.name, str(found.part)) == ("Pt3Ni, Pt d states", "Pt d")
    assert found.standard.values.sum() * RECIPE.grid.step == pytest.approx(1.0)
    band = Band.of(RECIPE.grid.energies, found.standard.values)
    assert band is not None
    assert band.centre == pytest.approx(-2.0, abs=0.01)
    assert any("only its Pt d states count, " in step for step in found.standard.steps)


def test_a_part_has_the_energy_zero_of_the_whole(library: MemoryLibrary) -> None:
    """A part may have a gap where the whole has none."""
    whole, part = resolved(library, "Pt3Co", None), resolved(library, "Pt3Co", "Pt:d")
    assert (part.standard.zero, part.standard.gap) == (whole.standard.zero, whole.standard.gap) == (0.0, 0.0)


def test_parts_and_descriptors_beside_the_whole(library: MemoryLibrary) -> None:
    found = resolved(library, "Pt3Co", None, with_parts=True)
    total = sum(vector.sum() for vector in found.parts.values()) * RECIPE.grid.step
    assert total == pytest.approx(1.0, abs=0.01)
    assert found.descriptors.spin_polarisation == pytest.approx(1 / 3, abs=0.01)
    of_platinum = resolved(library, "Pt3Co", "Pt:d", with_parts=True)
    assert of_platinum.descriptors.d_band_centre == pytest.approx(-1.6, abs=0.01)


def test_descriptors_are_those_of_the_spin_and_of_the_curve_that_is_declared() -> None:
    parts = np.stack([np.stack([0.1 + 0 * E, peak(-3)]), np.stack([0.1 + 0 * E, peak(-1)])])
    spectrum = Spectrum(E, parts.sum(axis=1), 0.0, gap=0.0, broadening=0.1)
    split = Material("Fe-A2", parse("Fe"), spectrum, projections=Projections((("Fe", "s"), ("Fe", "d")), parts))
    centres = {
        spin: resolved(MemoryLibrary([split]), "Fe-A2", "d", spin, with_parts=True).descriptors.d_band_centre
        for spin in ("up", "down", "both")
    }
    assert centres == {
        "up": pytest.approx(-3, abs=0.01),
        "down": pytest.approx(-1, abs=0.01),
        "both": pytest.approx(-2, abs=0.01),
    }
    declared = resolved(MemoryLibrary([split]), (E, peak(-2)), "Pt:d", with_parts=True)
    assert declared.descriptors.d_band_centre == pytest.approx(-2, abs=0.02)
    assert resolved(MemoryLibrary([split]), (E, peak(-2)), "O:p", with_parts=True).descriptors.p_band_centre is not None


def test_one_spin_of_a_curve(library: MemoryLibrary) -> None:
    up, down = resolved(library, "Pt3Co", None, "up"), resolved(library, "Pt3Co", "d", "down")
    assert any("only its spin up states count, 67% of the states" in step for step in up.standard.steps)
    assert str(down.part) == "d spin down"


def test_a_bare_curve_may_be_declared(library: MemoryLibrary, tmp_path: Path) -> None:
    """A table of a projection is refused as a whole, taken as what it is said to be, and starts at its Fermi level."""
    file = tmp_path / "d.csv"
    file.write_text("energy,d_dos\n" + "".join(f"{e:.3f},{d:.6f}\n" for e, d in zip(E, peak(-2), strict=True)))
    with pytest.raises(DosmithError, match="only a part of the states"):
        resolved(library, file, None)
    for target in (file, (E, peak(-2)), Spectrum(E, peak(-2), 0.0)):
        found = resolved(library, target, "Pt:d")
        assert found.standard.zero == 0.0
        assert "taken for Pt d states, as declared" in found.standard.steps[-1]


@pytest.mark.parametrize(
    ("target", "project", "spin", "message"),
    [
        ("PtCu3", "Pt:d", None, "Cu3Pt: nothing tells its Pt d states: it has no projections"),
        ("Pt3Ni", "O:p", None, r"Pt3Ni: it has no O p states among its projections \(Pt:s, Pt:d, Ni:d\)"),
        ("Pt3Ni", "d", "up", "Pt3Ni: it does not tell spin up from the other"),
        ("Pt3Ni", "Zz:d", None, "'Zz:d' is no part of a density of states"),
        ("Pt3Ni", "d", "left", "'left' is no spin; give up, down or both"),
    ],
)
def test_what_is_not_told_is_refused(library: MemoryLibrary, target: str, project: str, spin: str | None, message: str) -> None:
    with pytest.raises(DosmithError, match=f"^{message}"):
        resolved(library, target, project, spin)


def test_projections_that_nobody_computed_are_predicted_and_said_so() -> None:
    bare = MemoryLibrary([replace(open_dos_set().material("Pt3Ni-L1_2"), projections=None)])
    designer = Designer(bare, "dosmith")
    found = designer.target("Pt3Ni", project="pt:d")
    assert found.predicted and (found.name, found.material_id) == ("Pt3Ni, Pt d states", "Pt3Ni-L1_2")
    assert "its projections are predicted by the model 'dosmith'" in found.source
    assert found.standard.values.sum() * RECIPE.grid.step == pytest.approx(1.0)
    band = Band.of(RECIPE.grid.energies, found.standard.values)
    assert band is not None and band.centre == pytest.approx(-2.2, abs=0.5)
    unknown = designer.target("LaNi5", project="Ni:d")  # neither its DOS is known
    assert unknown.predicted and unknown.part == Part("Ni", "d")
    with pytest.raises(SpectrumError, match="no O p states among its predicted projections"):
        designer.target("Pt3Ni", project="O:p")
    with pytest.raises(SpectrumError, match="nothing tells its Pt d spin up states"):
        designer.target("Pt3Ni", project="Pt:d", spin="up")


@pytest.mark.parametrize(
    ("text", "part"),
    [("pt:d", Part("Pt", "d")), ("o:p", Part("O", "p")), ("pt", Part("Pt")), ("p", Part(None, "p")), ("P", Part("P"))],
)
def test_small_letters_name_parts_where_that_leaves_no_doubt(text: str, part: Part) -> None:
    assert Part.parse(text) == part


def test_known_materials_are_compared_by_the_part_that_they_tell(library: MemoryLibrary) -> None:
    """Platinum's d band of Pt3Co lies 0.4 eV higher; that of PtCu3 nobody knows, though its total is like it."""
    designer = Designer(library)
    found = designer.similar("Pt3Ni", project="Pt:d")
    assert [each.id for each in found] == ["Pt3Ni-L1_2", "Pt3Co-L1_2"]
    assert found[0].similarity == pytest.approx(1.0)
    moved = np.exp(-((0.4 / 0.7) ** 2) / 4)  # of two Gaussians
    assert found[1].similarity == pytest.approx(moved, abs=0.02)
    assert [each.id for each in designer.similar("Pt3Co", spin="down")] == ["Pt3Co-L1_2"]
    assert len(designer.similar("Pt3Ni")) == 3


def test_a_library_without_projections_says_so(library: MemoryLibrary) -> None:
    bare = MemoryLibrary([library.material("PtCu3-L1_2")])
    with pytest.raises(NotFoundError, match="tells Pt d states of no material; fetch or compute some with projections"):
        Designer(bare).similar((E, peak(-2)), project="Pt:d")


def test_candidates_are_ranked_by_the_part_where_the_model_predicts_it(library: MemoryLibrary) -> None:
    model = open_model("dosmith")
    assert isinstance(model, TightBindingModel)
    atlas = model.atlas
    owners = np.flatnonzero([("Pt" in each.elements) for each in atlas.crystals])[:500]
    shares = np.full((len(owners), 51), 128, dtype=np.uint8)  # half of each curve, wherever
    calibration = Calibration(40, 0.9, 0.5, 0.6, -9.0, 10.0, 1.0, 0.3, 0.01)
    parts = CandidateParts(
        owners, np.full(len(owners), "Pt"), np.full(len(owners), "d"), np.full(len(owners), 0.9), shares, calibration
    )
    model.__dict__["candidate_parts"] = parts  # in the place of the cached property
    answer = Designer(library, model).design("Pt3Ni", project="Pt:d", top=20)
    assert len(answer.candidates) == 20
    assert all("Pt" in dict(each.composition) for each in answer.candidates)
    assert answer.target.part == Part("Pt", "d")
    assert answer.candidates[0].similarity == pytest.approx(1.0)  # itself, known
    assert all(each.probability is not None for each in answer.candidates if each.similarity_kind == "predicted")


def test_merits_tell_the_band_of_the_element_that_was_asked_for(library: MemoryLibrary) -> None:
    """Of known candidates from their projections; a condition on it keeps what fulfils it, before the search."""
    from dosmith.choosing import merits
    from dosmith.crystals.stability import Judge
    from dosmith.crystals.survey import SurveyIndex

    answer = Designer(library).design("Pt3Ni", top=3)
    found = merits(answer, Judge(library, SurveyIndex.of()))
    by_formula = {each.formula: each for each in found}
    assert by_formula["Pt3Ni"].d_band_centre == pytest.approx((-2 * 3 * 0.7 + 0 * 0.4) / (3 * 0.7 + 0.4), abs=0.02)
    assert by_formula["Pt3Ni"].spin_polarisation is None
    kept = Designer(library).design("Pt3Ni", top=3, keep="d_band_centre<-1.5")
    assert [each.formula for each in kept.candidates if each.structure_id] == ["Pt3Ni"]


def test_a_model_that_predicts_no_parts_says_what_can_be_asked(library: MemoryLibrary) -> None:
    for options in ({"project": "Pt:d"}, {"spin": "up"}):
        with pytest.raises(OptionError, match="'dosmith similar' with the same options lists the known materials"):
            Designer(library, "paper").design("Pt3Co", **options)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dosmith", *arguments], capture_output=True, text=True, check=False)


def test_show_tells_elements_orbitals_and_descriptors(library: MemoryLibrary, tmp_path: Path) -> None:
    write_library([library.material(each) for each in library.ids], tmp_path / "lib", "made")
    where = ["--library", str(tmp_path / "lib")]
    shown = run("show", "Pt3Co", *where)
    assert "Its states by element and orbital" in shown.stdout
    assert "d band centre" in shown.stdout
    found = json.loads(run("show", "Pt3Ni", "--project", "Pt:d", "--format", "json", *where).stdout)
    assert found["part"] == "Pt d"
    assert found["descriptors"]["d_band_centre"] == pytest.approx(-2.0, abs=0.01)
    assert set(found["projections_per_ev"]) == {"Pt:s", "Pt:d", "Ni:d"}
    head, first, *_ = run("show", "Pt3Ni", "--format", "csv", *where).stdout.splitlines()
    assert head == "energy_ev,dos_per_ev,Pt_s_per_ev,Pt_d_per_ev,Ni_d_per_ev"
    assert len(first.split(",")) == 5
    refused = run("show", "PtCu3", "--project", "d", *where)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.strip().splitlines()) == 1
