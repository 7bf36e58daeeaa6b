"""A training that was stopped goes on where it was, and only where it was the same training."""

from __future__ import annotations

import numpy as np
import pytest

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


def trained_epochs(told: list[str], part: str = "tight binding") -> list[str]:
    return [name for name in dict.fromkeys(told) if name.startswith(part)]


def test_it_goes_on_after_the_last_whole_member(few, tmp_path) -> None:
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
    whole = train_forward(few, tmp_path / "other", TINY)
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
