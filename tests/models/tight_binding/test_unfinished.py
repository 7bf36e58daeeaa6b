"""A training that was stopped goes on where it was, and only where it was the same training."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dosmith.library.stability import FORMATION, SEVENNET
from dosmith.models.tight_binding.train import train_forward
from dosmith.settings import ForwardSettings, Settings

pytestmark = pytest.mark.training
TINY = Settings(forward=ForwardSettings(members=3, epochs=2, plain_epochs=2, density=4))


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def few(alloys):
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.library import MemoryLibrary

    return MemoryLibrary([alloys.material(identifier) for identifier in alloys.ids[:24]], "few")


@pytest.fixture(scope="module")
def whole(few, small_survey, tmp_path_factory):
    """A training that nothing stopped."""
    return train_forward(few, tmp_path_factory.mktemp("whole") / "model", TINY, survey=small_survey)


def trained_epochs(told: list[str], part: str = "tight binding") -> list[str]:
    return [name for name in dict.fromkeys(told) if name.startswith(part)]


def test_it_goes_on_after_the_last_whole_member(few, whole, tmp_path) -> None:
    told: list[str] = []

    def stop_in_the_third(name: str, *_: object) -> None:
        told.append(name)
        if name == "tight binding 3 of 3":
            raise StoppedError

    with pytest.raises(StoppedError):
        train_forward(few, tmp_path / "model", TINY, stop_in_the_third)
    assert not (tmp_path / "model").exists()
    kept = tmp_path / ".model-unfinished"
    assert sorted(file.name for file in kept.iterdir()) == ["member-0.safetensors", "member-1.safetensors"]
    (kept / "member-0.safetensors").write_bytes(b"damaged")
    again: list[str] = []
    model = train_forward(few, tmp_path / "model", TINY, lambda name, *_: again.append(name))
    assert trained_epochs(again) == ["tight binding 1 of 3", "tight binding 3 of 3"]
    assert not kept.exists()
    structure = few.material(few.ids[0]).structure
    np.testing.assert_allclose(
        model.ensemble.predict([structure]).vectors, whole.ensemble.predict([structure]).vectors, atol=1e-6
    )
    assert model.calibration.cosine == pytest.approx(whole.calibration.cosine, abs=1e-6)


def test_members_of_another_training_do_not_count(few, tmp_path) -> None:
    def stop_at_the_end(name: str, *_: object) -> None:
        if name == "plain network 3 of 3":
            raise StoppedError

    with pytest.raises(StoppedError):
        train_forward(few, tmp_path / "model", TINY, stop_at_the_end)
    other = TINY.model_copy(update={"forward": TINY.forward.model_copy(update={"seed": 1})})
    told: list[str] = []
    train_forward(few, tmp_path / "model", other, lambda name, *_: told.append(name))
    assert len(trained_epochs(told)) == 3


def test_side_by_side_comes_the_same(few, small_survey, whole, tmp_path) -> None:
    told: list[tuple[str, int, int]] = []
    both = train_forward(few, tmp_path / "both", TINY, lambda *what: told.append(what[:3]), survey=small_survey, workers=2)
    assert both.spec["sha256"] == whole.spec["sha256"] and both.spec["calibration"] == whole.spec["calibration"]
    assert [each for each in told if each[0] == "members"] == [("members", number, 3) for number in (1, 2, 3)]


def test_candidates_go_on_where_they_were(few, small_survey, whole, tmp_path, monkeypatch) -> None:
    from dosmith.models.tight_binding import expected_spectra

    monkeypatch.setattr(expected_spectra, "_AT_ONCE", 40)
    told: list[tuple[str, int, int]] = []

    def stop_in_the_second(*what: object) -> None:
        told.append(what[:3])  # type: ignore[arg-type]
        if len([each for each in told if each[0] == "candidates"]) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_forward(few, tmp_path / "model", TINY, stop_in_the_second, survey=small_survey)
    kept = sorted(tmp_path.glob(".model-unfinished/candidates-*/*.parquet"))
    assert len(kept) == 2
    kept[0].write_bytes(kept[0].read_bytes()[:100])  # the disk lost some of it
    again: list[tuple[str, int, int]] = []
    model = train_forward(few, tmp_path / "model", TINY, lambda *what: again.append(what[:3]), survey=small_survey)
    assert not trained_epochs([each[0] for each in again])
    assert next(each[1] for each in again if each[0] == "candidates") == 120
    assert model.spec["sha256"]["weights.safetensors"] == whole.spec["sha256"]["weights.safetensors"]
    assert list(model.atlas.crystals) == list(whole.atlas.crystals)
    # Others that a crystal is worked on with change its spectrum in the last digits, and so a step of its code.
    np.testing.assert_allclose(model.atlas.candidates.expected, whole.atlas.candidates.expected, atol=2e-3)


def test_a_trained_model_proposes_from_another_survey(few, small_survey, whole, tmp_path, monkeypatch) -> None:
    from dosmith.crystals.survey import read_survey, write_survey
    from dosmith.models.tight_binding import expected_spectra
    from dosmith.models.tight_binding.train import propose_from

    asked: list[Any] = []
    really = expected_spectra.predicted
    monkeypatch.setattr(expected_spectra, "predicted", lambda model, part: asked.extend(part) or really(model, part))
    shutil.copytree(whole.folder, tmp_path / "model")
    fewer = [each for each in read_survey(small_survey) if "Pt" in each.elements]
    write_survey(tmp_path / "platinum.parquet", fewer, set())
    before = (tmp_path / "model" / "weights.safetensors").read_bytes()
    model = propose_from(tmp_path / "model", tmp_path / "platinum.parquet", few)
    assert all("Pt" in each.elements for each in model.atlas.crystals) and len(model.atlas) > 10
    assert model.spec["candidates"]["crystals"] == len(model.atlas)
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "platinum.parquet"]
    assert not asked  # it had told of all of these
    table = pq.read_table(tmp_path / "platinum.parquet")
    table = table.append_column(FORMATION[SEVENNET], pa.array(np.linspace(-1, 1, len(table)), pa.float32()))
    pq.write_table(table, tmp_path / "platinum.parquet")
    judged = propose_from(tmp_path / "model", tmp_path / "platinum.parquet", few)
    assert not asked and judged.atlas.crystals.potential == SEVENNET  # their spectra are what they were
    assert not np.allclose(judged.atlas.candidates.heights, model.atlas.candidates.heights)
    again = propose_from(tmp_path / "model", small_survey, few)
    assert {"Pt"}.isdisjoint(symbol for each in asked for symbol in each.elements) and asked
    assert list(again.atlas.crystals) == list(whole.atlas.crystals)
    np.testing.assert_allclose(again.atlas.certainties, whole.atlas.certainties, atol=0.01)
