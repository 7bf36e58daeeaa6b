"""The shipped model: opens safely, predicts what it was trained to, and refuses damage in one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from dosmith import formulas
from dosmith.errors import ModelError, NotFoundError
from dosmith.models.paper.accuracy import evaluate, share_with_interval
from dosmith.models.paper.card import candidates_in_all, text
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.paper.kbest import k_best
from dosmith.models.paper.model import PaperModel
from dosmith.models.store import CARD, SPEC, WEIGHTS, find_checkpoint
from dosmith.spectra.standard import standardise_batch, standardise_library
from dosmith.spectra.zero import GapRule, energy_zeros
from gold import GOLD, curve


@pytest.fixture(scope="module")
def shipped():
    return PaperModel.open("paper")


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(find_checkpoint("paper"), folder)
    return folder


def as_it_was_trained(library, model):
    """Vectors as the network saw them in training: one whose recipe says nothing of gaps had every zero read off its curve."""
    recipe = model.recipe
    if "gap" in json.loads((model.folder / SPEC).read_text())["recipe"]:  # as it stands in the file
        return standardise_library(library, recipe)
    how = GapRule(valence_tail=0.9, conduction_tail=0.9, deep=1.0, narrowing=0.0, inside=1.0, spikes=np.inf)
    rows, vectors = [], []
    for block in library.spectra():
        zeros, _ = energy_zeros(block.energies, block.densities, block.fermi, block.broadening, recipe.zero, how=how)
        rows.append(block.rows)
        vectors.append(standardise_batch(block.energies, block.densities, zeros, block.broadening, recipe))
    return np.concatenate(rows), np.concatenate(vectors)


def test_in_sample_accuracy_of_the_card_is_that_of_the_network(shipped, open_set):
    rows, vectors = as_it_was_trained(open_set, shipped)
    compositions = [formulas.parse(open_set.formulas[row]) for row in rows]
    for network, facts in shipped.spec["networks"].items():
        systems = open_set.crystal_systems
        members = [
            i
            for i, (row, composition) in enumerate(zip(rows, compositions, strict=True))
            if len(composition) == 2 and max(count for _, count in composition) <= shipped.max_ratio
            if network == "any" or systems[row] == network
        ]
        ranks, nearest = evaluate(shipped, vectors[members], [compositions[i] for i in members], 5, network)
        assert len(members) == facts["spectra"] == facts["in_sample"]["n"]
        assert np.mean(ranks <= 5) == pytest.approx(facts["in_sample"]["top_5"]["mean"], abs=2e-3)
        assert np.mean(ranks <= 1) == pytest.approx(facts["in_sample"]["top_1"]["mean"], abs=5e-3)
        assert np.quantile(nearest, 0.95) == pytest.approx(facts["distance_95"], rel=1e-2)
        assert facts["in_sample"]["top_5"]["mean"] >= 0.93  # in-sample; the paper, with fewer spectra, has 0.98
    assert (shipped.folder / CARD).read_text(encoding="utf-8").startswith(text(shipped.spec))  # the benchmark's rows follow


def test_costs_are_squared_distances_to_composition_vectors(shipped):
    vector = np.random.default_rng(0).random(151)
    point = shipped.composition_vectors(vector)[0]
    for cost, composition in k_best(shipped.costs(vector), shipped.element_vectors.symbols, 20):
        distance = np.linalg.norm(point - composition_vector(composition, shipped.element_vectors))
        assert cost**0.5 == pytest.approx(distance, rel=1e-9)


def test_gold_prediction(shipped):
    # A fixed input: the numbers change only when the shipped weights do, and then the gold file is written anew
    # by `python tests/gold.py`.
    gold = json.loads(GOLD.read_text(encoding="utf-8"))
    np.testing.assert_allclose(
        shipped.composition_vectors(curve(shipped.recipe.grid.energies))[0], gold["composition_vector"], atol=1e-4
    )


def test_batch_is_its_rows(shipped):
    vectors = np.random.default_rng(1).random((7, 151))
    singly = np.concatenate([shipped.composition_vectors(vector) for vector in vectors])
    np.testing.assert_allclose(shipped.composition_vectors(vectors), singly, atol=1e-5)
    many = np.tile(vectors, (700 // len(vectors) + 1, 1))  # more than a network sees at once
    np.testing.assert_allclose(shipped.composition_vectors(many)[-len(vectors) :], singly, atol=1e-5)
    assert shipped.composition_vectors(vectors[:0]).shape == (0, singly.shape[1])


def test_element_vectors_are_distinct_and_by_atomic_number(shipped):
    elements = shipped.element_vectors
    numbers = [formulas.atomic_number(symbol) for symbol in elements.symbols]
    assert numbers == sorted(set(numbers))
    count = len(numbers)
    assert elements.values.shape == (count, 30) and count >= 60
    distances = np.linalg.norm(elements.values[:, None] - elements.values[None], axis=-1)
    assert distances[~np.eye(count, dtype=bool)].min() > 0.1


def test_opening_and_predicting_needs_no_pytorch():
    code = (
        "import sys; sys.modules['torch'] = None; import numpy as np\n"
        "from dosmith.models.paper.model import PaperModel\n"
        "print(PaperModel.open('paper').composition_vectors(np.ones(151)).shape)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "(1, 60)"


def test_wrong_levels_and_unknown_network_are_refused(shipped):
    with pytest.raises(ModelError, match="151 points"):
        shipped.composition_vectors(np.ones(150))
    with pytest.raises(ModelError, match="tetragonal"):
        shipped.composition_vectors(np.ones(151), "tetragonal")


def test_unknown_model_names_the_shipped_ones(tmp_path):
    with pytest.raises(NotFoundError, match="paper"):
        PaperModel.open(tmp_path / "nothing")
    with pytest.raises(NotFoundError, match="paper"):
        PaperModel.open("../paper")


@pytest.mark.parametrize("file", [WEIGHTS, "inverse-any.onnx"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_named(copy, file, damage):
    path = copy / file
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    with pytest.raises(ModelError, match=file) as caught:
        PaperModel.open(copy).costs(np.ones(151))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda spec: spec | {"format_version": 99}, "newer dosmith"),
        (lambda spec: {k: v for k, v in spec.items() if k != "recipe"}, "lacks recipe"),
        (lambda spec: {k: v for k, v in spec.items() if k != "elements"}, "lacks elements"),
        (lambda spec: spec | {"recipe": {}}, "recipe"),
        (lambda spec: [1, 2], "no format version"),
    ],
)
def test_foreign_spec_is_refused(copy, change, words):
    spec = json.loads((copy / SPEC).read_text(encoding="utf-8"))
    (copy / SPEC).write_text(json.dumps(change(spec)), encoding="utf-8")
    with pytest.raises(ModelError, match=words):
        PaperModel.open(copy)


def test_garbled_spec_is_refused(copy):
    (copy / SPEC).write_text("{not json", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        PaperModel.open(copy)


def test_a_network_file_cannot_lie_outside_the_folder(copy, tmp_path):
    (tmp_path / "evil.onnx").write_bytes((copy / "inverse-any.onnx").read_bytes())
    spec = json.loads((copy / SPEC).read_text(encoding="utf-8"))
    spec["networks"]["any"]["file"] = "../evil.onnx"
    spec["sha256"]["../evil.onnx"] = spec["sha256"]["inverse-any.onnx"]
    (copy / SPEC).write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ModelError, match="missing"):
        PaperModel.open(copy).composition_vectors(np.ones(151))


def test_size_of_the_choice():
    # FACTS of the paper: 83 elements, counts up to 3: 23,821 distinct binaries.
    assert candidates_in_all(83, 2, 3) == 23_821
    assert candidates_in_all(62, 2, 3) == 13_237


def test_interval_holds_the_mean_and_narrows_with_items():
    few = share_with_interval(np.array([True] * 9 + [False]))
    many = share_with_interval(np.array(([True] * 9 + [False]) * 100))
    for mean, low, high in (few, many):
        assert low <= mean == 0.9 <= high
    assert many[2] - many[1] < few[2] - few[1]
    mean, low, high = share_with_interval(np.ones(50, dtype=bool))
    assert mean == 1.0
    assert high == pytest.approx(1.0)
    assert 0.9 < low < 0.95  # 50 of 50 is no certainty
