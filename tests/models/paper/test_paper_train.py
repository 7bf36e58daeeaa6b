"""Training the paper's model: seeded, faithful in shape, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.errors import MissingExtraError, ModelError
from dosmith.library import MemoryLibrary
from dosmith.models.paper.model import PaperModel
from dosmith.settings import PaperSettings, Settings

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")


@pytest.fixture(scope="module")
def small_library(open_set):
    """The binaries of a few elements, enough to train on quickly."""
    chosen = {"Pt", "Pd", "Ni", "Co", "Al", "Zr", "Ti", "Sn", "Bi", "Cu", "Rh", "Ag"}
    rows = [r for r, composition in enumerate(open_set.compositions) if {symbol for symbol, _ in composition} <= chosen]
    return MemoryLibrary([open_set.material(open_set.ids[row]) for row in rows], "a small library")


def quick(**changes) -> Settings:
    return Settings(paper=PaperSettings(**{"epochs": 60, "autoencoder_epochs": 100, "batch": 8} | changes))


@pytest.fixture(scope="module")
def trained(torch, small_library, tmp_path_factory):
    from dosmith.models.paper.train import train_paper

    reports = []
    folder = tmp_path_factory.mktemp("models") / "small"
    checkpoint = train_paper(small_library, folder, quick(), lambda *report: reports.append(report))
    return checkpoint, reports


def test_network_is_the_papers(torch):
    from dosmith.models.paper.network import Autoencoder, InverseNetwork

    network = InverseNetwork(151, 0.1, 60)
    convolutions = [layer for layer in network.features if isinstance(layer, torch.nn.Conv1d)]
    assert [(c.out_channels, c.kernel_size, c.stride, c.padding) for c in convolutions] == [(32, (13,), (1,), (6,))] * 4
    assert sum(isinstance(layer, torch.nn.ReLU) for layer in network.features) == 4
    assert [layer.kernel_size for layer in network.features if isinstance(layer, torch.nn.MaxPool1d)] == [2] * 4
    lengths, values = [], torch.zeros(1, 1, 151)
    for layer in network.features:
        values = layer(values)
        lengths.append(values.shape[-1])
    assert lengths[::3] == [151, 75, 37, 18]
    assert lengths[-1] == 9
    assert (network.output.in_features, network.output.out_features) == (288, 60)
    assert sum(p.numel() for p in network.parameters()) == 57_820
    autoencoder = Autoencoder(151, 64, 30)
    assert autoencoder.encoder(torch.zeros(62, 151)).shape == (62, 30)
    assert autoencoder(torch.zeros(62, 151)).shape == (62, 151)


def test_training_learns_and_reports(trained, small_library):
    checkpoint, reports = trained
    facts = checkpoint.spec["networks"]["any"]
    assert facts["spectra"] == len(small_library.select(n_elements=2))
    assert facts["in_sample"]["top_5"]["mean"] > 0.5  # chance is below 0.02
    names = {name for name, *_ in reports}
    assert any("element" in name for name in names)
    assert any("network" in name for name in names)
    losses = [loss for name, _, _, loss in reports if "network for any" in name]
    assert len(losses) == 60
    assert losses[-1] < losses[0] / 3


def test_pytorch_and_onnx_agree(torch, trained):
    from dosmith.models.paper.network import InverseNetwork

    checkpoint, _ = trained
    network = InverseNetwork(151, 0.1, checkpoint.n_elements * checkpoint.element_vectors.length)
    prefix = "inverse-any."
    state = {k.removeprefix(prefix): torch.tensor(v) for k, v in checkpoint.tensors.items() if k.startswith(prefix)}
    network.load_state_dict(state)
    vectors = np.random.default_rng(0).random((5, 151)) / 15
    with torch.no_grad():
        expected = network(torch.tensor(vectors, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(checkpoint.composition_vectors(vectors), expected, atol=1e-4)


def test_same_seed_same_model_other_seed_another(torch, small_library, tmp_path):
    from dosmith.models.paper.train import train_paper

    few = {"epochs": 3, "autoencoder_epochs": 20}
    first, second, other = (
        train_paper(small_library, tmp_path / name, quick(seed=seed, **few)).composition_vectors(np.ones(151) / 15)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_checkpoint_is_replaced_whole_or_left(torch, trained, small_library, tmp_path):
    from dosmith.models.paper.train import train_paper

    folder = tmp_path / "model"
    few = quick(epochs=2, autoencoder_epochs=2)
    train_paper(small_library, folder, few)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def interrupt(name, done, total, loss):
        if "network" in name:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_paper(small_library, folder, few, interrupt)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    train_paper(small_library, folder, quick(epochs=2, autoencoder_epochs=2, seed=5))
    assert PaperModel.open(folder).spec["settings"]["seed"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # nothing left aside


def test_too_little_to_train_on_is_said(torch, tiny_library, tmp_path):
    from dosmith.models.paper.train import train_paper

    with pytest.raises(ModelError, match="training needs 20 or more"):
        train_paper(tiny_library, tmp_path / "model", quick())
    assert not (tmp_path / "model").exists()


def test_without_pytorch_the_extra_is_named(monkeypatch, tiny_library, tmp_path):
    import sys

    from dosmith.models.paper.train import train_paper

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"dosmith\[train\]"):
        train_paper(tiny_library, tmp_path / "model", quick())
