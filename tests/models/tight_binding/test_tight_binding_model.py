"""Design with dosmith's own model: ranked as it says, constrained, honest about what is predicted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import dosmith
from dosmith import formulas
from dosmith.comparison import Comparison
from dosmith.constraints import Constraints
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, ModelError
from dosmith.models.tight_binding.model import TightBindingModel

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def search(trained) -> TightBindingModel:
    return TightBindingModel.open(trained[1])


@pytest.fixture(scope="module")
def designer(trained, alloys) -> Designer:
    return Designer(alloys, str(trained[1]), dosmith.Settings())


@pytest.fixture(scope="module")
def target(designer, alloys) -> np.ndarray:
    return designer.target(alloys.ids[-1]).standard.values


def test_the_best_come_first_and_none_is_left_out(search, target) -> None:
    """Against all compositions, scored one by one."""
    known = {(("Ni", 1), ("Pt", 3)): 0.8, (("Al", 1), ("Ni", 1)): 0.2}
    found = search.propose(target, 12, known=known, comparison=Comparison(target, search.recipe.grid, by="similarity"))
    scores = dict(known)
    unit = target / np.linalg.norm(target)
    for crystal, expected in zip(search.atlas.crystals, search.atlas.candidates.expected, strict=True):
        if crystal.composition not in known:
            score = float(expected @ unit) - search.settings.height_penalty * max(crystal.formation_energy, 0.0)
            scores[crystal.composition] = max(score, scores.get(crystal.composition, -1.0))
    order = sorted(scores, key=lambda composition: -scores[composition])
    assert [proposal.composition for proposal in found] == order[:12]
    for proposal in found:
        if proposal.composition in known:
            assert proposal.crystal is None
        else:
            assert 0 <= proposal.p_match <= 1 and proposal.crystal.composition == proposal.composition
            assert proposal.vector.sum() * search.recipe.grid.step == pytest.approx(1)
            assert (proposal.half_width > 0).all()


def test_constraints_hold(search, target) -> None:
    constraints = Constraints.of(elements="Pt,Ni,Al", require="Ni", exclude="Al", ratio="3:1")
    known = {(("Al", 1), ("Ni", 3)): 0.99, (("Ni", 1), ("Pt", 1)): 0.99}
    found = {formulas.write(proposal.composition) for proposal in search.propose(target, 50, constraints, known=known)}
    assert found == {"Pt3Ni", "Ni3Pt"} or found == {"Pt3Ni", "PtNi3"}
    hexagonal = search.propose(target, 20, crystal_system="hexagonal")
    assert {proposal.crystal.crystal_system for proposal in hexagonal} == {"hexagonal"}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_elements": 4}, ConstraintError, "2 or 3 elements, not 4"),
        ({"require": "W"}, ConstraintError, "does not know the required W"),
        ({"elements": "Pt"}, ConstraintError, "allow more"),
        ({"crystal_system": "trigonal"}, ModelError, "cubic"),
    ],
)
def test_the_impossible_is_told_in_a_line(designer, alloys, options, error, words) -> None:
    with pytest.raises(error, match=words) as raised:
        designer.design(alloys.ids[-1], **options)
    assert "\n" not in str(raised.value)


def test_known_and_predicted_are_told_apart(designer, alloys) -> None:
    answer = designer.design(alloys.ids[-1], top=40)
    known = [c for c in answer.candidates if c.known_dos]
    predicted = [c for c in answer.candidates if not c.known_dos]
    assert known and predicted
    assert all(c.similarity_kind == "computed" and c.structure_id for c in known)
    assert all(c.similarity_kind == "predicted" and c.structure_id is None and c.prototype for c in predicted)
    assert {c.formula for c in predicted} == set(answer.predicted)
    assert all(c.distance is None for c in answer.candidates)
    if len(alloys.material(alloys.ids[-1]).composition) == 2:
        assert answer.candidates[0].formula == alloys.formulas[-1]
    windowed = designer.design(alloys.ids[-1], top=40, window="-2:2")
    assert all(c.p_match is not None for c in windowed.candidates if not c.known_dos)  # calibrated for parts of the curve, too
    assert [c.similarity for c in windowed.candidates] != [c.similarity for c in answer.candidates]


def test_the_answer_is_written_whole(designer, alloys, tmp_path) -> None:
    from pymatgen.core.structure import Structure

    answer = designer.design(alloys.ids[-1], top=40)
    files = {file.relative_to(tmp_path).as_posix() for file in dosmith.write_design(answer, tmp_path)}
    formula = next(iter(answer.predicted))
    assert f"structures/{formula}-predicted.cif" in files
    structure = Structure.from_file(tmp_path / "structures" / f"{formula}-predicted.cif")
    assert formulas.write(formulas.reduce((s.specie.symbol, 1) for s in structure)) == formula
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the DOS is predicted" in page and "Probability" in page and "predicted, not computed" in page
    embedded = json.loads(page.split('id="data">')[1].split("</script>")[0])
    bands = [curve for curve in embedded["curves"] if "half" in curve]
    assert len(bands) == len(answer.predicted) and all(len(curve["half"]) == 151 for curve in bands)
    stored = json.loads((tmp_path / "candidates.json").read_text(encoding="utf-8"))
    assert stored["model"]["networks"]["any"]["held_out"]["count"] == len(alloys)
    # A later answer takes the crystals of an earlier one away.
    dosmith.write_design(designer.design(alloys.ids[-1], top=1), tmp_path)
    assert not (tmp_path / "structures" / f"{formula}-predicted.cif").exists()


def test_no_pytorch_is_needed(trained, alloys) -> None:
    code = (
        "import sys, dosmith\n"
        f"answer = dosmith.design('Pt3Ni', model={str(trained[1])!r}, top=10)\n"
        "assert len(answer.candidates) == 10, answer\n"
        "assert not {'torch', 'chgnet'} & set(sys.modules), sorted(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_table_says_what_is_predicted(trained) -> None:
    command = [sys.executable, "-m", "dosmith", "design", "Pt3Ni", "--model", str(trained[1]), "--top", "20"]
    command += ["--elements", "Pt,Ni,Al,Cu,Pd"]  # those of its survey
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={"COLUMNS": "120", "PATH": "/usr/bin"})
    assert result.returncode == 0, result.stderr
    assert "P is the probability" in result.stdout and "predicted" in result.stdout and "CV distance" not in result.stdout


def test_a_model_without_candidates_says_so(trained, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained[1], copy)
    spec = json.loads((copy / "checkpoint.json").read_text())
    del spec["sha256"]["candidates.parquet"]
    (copy / "checkpoint.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match="no candidates to propose"):
        _ = TightBindingModel.open(copy).atlas
    (copy / "candidates.parquet").unlink()
    shutil.copyfile(trained[1] / "checkpoint.json", copy / "checkpoint.json")
    with pytest.raises(ModelError, match="missing"):
        _ = TightBindingModel.open(copy).atlas


def test_the_shipped_model_finds_what_catalysis_knows() -> None:
    """For Pt3Ni, the best catalyst of oxygen reduction: alloys of platinum, computed and not, each alike."""
    search = TightBindingModel.open("dosmith")
    compositions = {crystal.composition for crystal in search.atlas.crystals}
    counts = {"crystals": len(search.atlas), "compositions": len(compositions)}
    assert search.spec["candidates"] == counts | {"sizes": sorted({len(each) for each in compositions})}
    answer = dosmith.design("Pt3Ni", model="dosmith", top=60, rank_by="similarity", variety=0.0)
    found = {candidate.formula: candidate for candidate in answer.candidates}
    assert answer.candidates[0].formula == "Pt3Ni" and "Pt3Co" in found
    assert all(candidate.similarity > 0.9 for candidate in answer.candidates)
    assert sum("Pt" in dict(candidate.composition) for candidate in answer.candidates) >= 8
    probabilities = [candidate.probability for candidate in answer.candidates if candidate.probability is not None]
    assert len(probabilities) >= 5 and np.median(probabilities) > 0.5 and min(probabilities) > 0.1
