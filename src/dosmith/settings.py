"""Every tunable number, once: its name, unit, default and meaning.

Order of precedence: the environment (``DOSMITH_SPECTRA__BROADENING=0.2``), a TOML file (``--settings FILE``,
else ``$DOSMITH_SETTINGS``, else ``settings.toml`` in the user's configuration folder), the defaults below.
Unknown names are refused.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dosmith.errors import NotFoundError, SettingsError

PREFIX = "DOSMITH_"
FILE_VARIABLE = "DOSMITH_SETTINGS"
TOKEN_VARIABLE = "DOSMITH_TOKEN"
"""The drawing board's token: a secret, no setting."""

ZeroRule = Literal["auto", "fermi", "midgap"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SpectraSettings(_Section):
    """The recipe for the vectors of a model that is trained; it then travels with the model. The paper gives window and points."""

    lower: float = Field(-7.5, description="first grid point, eV")
    upper: float = Field(7.5, description="last grid point, eV")
    points: int = Field(
        151,
        ge=16,
        validation_alias=AliasChoices("points", "levels"),  # the older name
        description="number of grid points; the networks halve them four times",
    )
    broadening: float = Field(
        0.15, gt=0, le=2, description="Gaussian sigma of every standard vector, eV, that of the source included"
    )
    zero: ZeroRule = Field("auto", description="energy zero: fermi, or if gapped auto (valence-band top) or midgap")
    min_coverage: float = Field(0.8, gt=0, le=1, description="share of the window that a curve must cover")

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> SpectraSettings:
        if not self.lower < self.upper:
            raise ValueError(f"the window {self.lower:g} ... {self.upper:g} eV is empty")
        return self


class FileSettings(_Section):
    """Limits for files that people hand in."""

    max_mebibytes: int = Field(256, ge=1, description="largest file read, unpacked size, MiB")


class PaperSettings(_Section):
    """Training of the paper's model. Latent size, activation, optimizer, learning rates, kernels: the paper's; the rest is ours."""

    seed: int = Field(0, ge=0, description="seed of weights and batches")
    latent: int = Field(30, ge=1, description="length of an element vector")
    hidden: int = Field(64, ge=1, description="width of the autoencoder's outer layers")
    autoencoder_epochs: int = Field(1000, ge=1, description="full-batch epochs of the autoencoder")
    autoencoder_rate: float = Field(1e-3, gt=0, description="learning rate of the autoencoder (Adam)")
    kernels: int = Field(32, ge=1, description="kernels of each convolution")
    kernel_size: int = Field(13, ge=1, description="grid points a kernel spans; odd")
    epochs: int = Field(900, ge=1, description="epochs of the inverse network for all crystals")
    system_epochs: int = Field(150, ge=1, description="further epochs of the network for one crystal system")
    batch: int = Field(32, ge=1, description="spectra a batch")
    rate: float = Field(1e-3, gt=0, description="learning rate of the inverse network (Adam)")
    shift: float = Field(0.03, ge=0, description="training spectra are shifted by this standard deviation, eV")
    stretch: float = Field(0.008, ge=0, description="their band widths are changed by this relative standard deviation")
    modulation: float = Field(0.1, ge=0, description="the logarithm of their density is changed by this standard deviation")
    plain_share: float = Field(0.3, ge=0, le=1, description="share of the epochs, the last, that see them as they are")
    max_ratio: int = Field(3, ge=1, le=9, description="largest count of an element in a composition")
    n_elements: int = Field(2, ge=1, le=4, description="elements of a composition")

    @model_validator(mode="after")
    def _kernel_has_a_middle(self) -> PaperSettings:
        if self.kernel_size % 2 == 0:
            raise ValueError(f"a kernel of {self.kernel_size} points has no middle; take an odd number")
        return self


class DescentSettings(_Section):
    """How networks that predict spectra are trained; a part of the sections below."""

    similarity_weight: float = Field(10, ge=0, description="weight of errors that change the similarity to known spectra")
    error_weight: float = Field(0.5, ge=0, description="weight of the squared error itself")
    largest_gradient: float = Field(1, gt=0, description="gradients with a larger norm are scaled down to it")
    warm_up: float = Field(0.15, gt=0, lt=1, description="share of the training in which the learning rate rises")


class ForwardSettings(DescentSettings):
    """The forward model, from a crystal to its DOS: tight binding with learned parameters and a plain network beside it."""

    seed: int = Field(0, ge=0, description="seed of the folds, of weights and of batches")
    members: int = Field(5, ge=2, le=20, description="networks of each kind; each leaves one fold of the chemical systems out")
    density: float = Field(11, gt=0, description="cube root of the points of the Brillouin zone times atoms")
    broadening: float = Field(0.3, gt=0, description="Gaussian sigma of the eigenvalues, eV")
    largest_cell: int = Field(
        24,
        ge=1,
        description="primitive cells with more atoms are left out of the training; time grows with the cube of their number",
    )
    reach: float = Field(
        2.4, gt=0, description="longest bond, in cube roots of the volume per atom; 54 neighbours where atoms are close-packed"
    )
    hidden: int = Field(64, ge=1, description="width of the network that gives an atom's tight-binding parameters")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout in it")
    pair_code: int = Field(16, ge=1, description="numbers by which an atom is known to the network of pairs of atoms")
    pair_hidden: int = Field(32, ge=1, description="width of that network")
    orbital_unit: float = Field(
        4,
        gt=0,
        description="orbital energies of elements are learned in units of this, eV, so that all tables take steps of one size",
    )
    orbital_change: float = Field(2, ge=0, description="energy by which an output of 1 of the network changes an orbital, eV")
    strength_change: float = Field(0.3, ge=0, description="the same for the logarithm of how strongly it couples")
    radius_change: float = Field(0.1, ge=0, description="for the logarithm of the atom's radius")
    range_change: float = Field(0.3, ge=0, description="and for the range of an orbital, before its limit")
    range_limit: float = Field(
        0.4, ge=0, description="largest change of the logarithm of an integral's decay by an orbital's range"
    )
    pair_limit: float = Field(0.5, ge=0, description="largest change of the logarithm of an integral by who the two atoms are")
    closest: float = Field(
        -0.7, description="least distance beyond touching that is told apart, in units of the radii of both atoms"
    )
    farthest: float = Field(
        2, description="largest distance beyond touching that the network of pairs tells apart, in the same units"
    )
    filling_width: float = Field(0.05, gt=0, description="width of the Fermi distribution that fills the eigenvalues, eV")
    unfilled: float = Field(
        0.02,
        ge=0,
        description="electrons an atom that are left out in filling where the zero is by it; an insulator's Fermi level then is its valence-band top",
    )
    zero: Literal["filling", "bands"] = Field(
        "bands",
        description="energy zero: the level up to which eigenvalues are filled, or the valence-band top where there is a gap",
    )
    smallest_gap: float = Field(0.3, ge=0, description="gap from which on the zero is the valence-band top, eV")
    gap_softness: float = Field(0.05, gt=0, description="softness of that border, eV")
    shift_change: float = Field(
        0,
        ge=0,
        description="energy by which a mean output of 1 of the network shifts the energy zero, eV; 0 leaves it where it is",
    )
    spin: bool = Field(True, description="whether magnetic crystals have two spins")
    exchange: float = Field(
        0.9, description="exchange splitting of d orbitals before training, eV for each Bohr magneton of an atom"
    )
    smallest_moment: float = Field(
        0.2,
        ge=0,
        description="moment of an atom from which on a crystal is taken for magnetic where nothing is known, Bohr magnetons",
    )
    f_levels: bool = Field(
        True, description="whether atoms with f orbitals among their valence orbitals have seven levels of one energy"
    )
    part_weight: float = Field(
        1.0,
        ge=0,
        description="how much the error of densities on elements and orbitals counts beside that of the whole, where they are computed; 0 does not learn them",
    )
    epochs: int = Field(40, ge=1, description="epochs of the tight binding at most")
    steps: int = Field(7200, ge=1, description="and batches at most, so that a large set takes no longer")
    batch: int = Field(8, ge=1, description="crystals a batch")
    rate: float = Field(2e-3, gt=0, description="largest learning rate of the network (AdamW)")
    table_rate: float = Field(2e-2, gt=0, description="the same of what is learned of each element")
    weight_decay: float = Field(1e-2, ge=0, description="weight decay of the network")
    usual: int = Field(
        100,
        ge=1,
        description="crystals of a kind (prototype) from which on each counts once in the training; rarer ones count more",
    )
    heaviest: float = Field(2, ge=1, description="and this much at most; 1 lets all count alike")
    plain_hidden: int = Field(128, ge=1, description="width of the plain network")
    plain_dropout: float = Field(0.1, ge=0, lt=1, description="dropout in it")
    plain_epochs: int = Field(80, ge=1, description="its epochs")
    plain_batch: int = Field(32, ge=1, description="crystals a batch")
    plain_rate: float = Field(2e-3, gt=0, description="its largest learning rate (AdamW)")
    plain_weight_decay: float = Field(1e-4, ge=0, description="its weight decay")
    share: float = Field(0.7, ge=0, le=1, description="weight of the tight binding in the answer; the plain network has the rest")
    height_penalty: float = Field(
        0.1, ge=0, description="similarity that a candidate loses for each eV/atom of a positive formation energy"
    )


class OtherSpectraSettings(DescentSettings):
    """Networks from a composition to a spectrum of any kind."""

    seed: int = Field(0, ge=0, description="seed of the folds, of weights and of batches")
    members: int = Field(5, ge=2, le=20, description="networks; each leaves one fold of the chemical systems out")
    hidden: int = Field(256, ge=1, description="width of their layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout in them")
    epochs: int = Field(60, ge=1, description="epochs")
    batch: int = Field(32, ge=1, description="spectra a batch")
    rate: float = Field(2e-3, gt=0, description="largest learning rate (AdamW)")
    weight_decay: float = Field(1e-3, ge=0, description="weight decay")


class DftSettings(_Section):
    """Density-functional calculations by CP2K; the defaults come from docs/convergence.md."""

    cutoff: float = Field(400, gt=0, description="plane-wave cutoff of the density, Ry")
    hard_cutoff: float = Field(800, gt=0, description="the same for crystals with Be, F, Na, Mg, Cr, Mn, Fe, Co or Ni, Ry")
    rel_cutoff: float = Field(40, gt=0, description="cutoff of the Gaussians' grid, Ry")
    eps_default: float = Field(1e-7, gt=0, description="numerical threshold of overlaps and of the density on the grid")
    smearing: float = Field(500, gt=0, description="electronic temperature of the self-consistent run, K")
    scf_spacing: float = Field(0.4, gt=0, description="k-points of the self-consistent run are at most this apart, 1/Angstrom")
    dos_refinement: int = Field(3, ge=1, description="eigenvalues are computed on a mesh this many times finer")
    interpolation: int = Field(4, ge=1, description="and interpolated to one this many times finer still")
    window: float = Field(10, gt=0, description="the density of states reaches this far to either side of the Fermi level, eV")
    step: float = Field(0.05, gt=0, description="distance of its energies, eV")
    sigma: float = Field(0.1, gt=0, description="Gaussian broadening, eV")


class DesignSettings(_Section):
    """What `design` does unless told otherwise."""

    top: int = Field(5, ge=1, le=100_000, description="candidates returned")
    metric: Literal["cosine", "tanimoto", "wasserstein"] = Field(
        "cosine", description="similarity of known spectra to the target"
    )
    model: str = Field("dosmith", description="name or folder of the model")
    rank_by: Literal["probability", "similarity"] = Field(
        "probability", description="candidates are ranked by the probability that they match and exist, or by similarity"
    )
    variety: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share by which each further candidate of one kind counts less; 1 shows the best of each kind first",
    )


class WebSettings(_Section):
    """Limits of the drawing board, so that no page can exhaust the machine."""

    upload_mebibytes: int = Field(64, ge=1, description="largest file taken, as it is sent, MiB")
    upload_seconds: float = Field(60, gt=0, description="a file must have arrived within this time, once it is its turn")
    uploads_waiting: int = Field(16, ge=0, description="files that may wait for their turn to be sent")
    reading_seconds: float = Field(60, gt=0, description="a file must be read within this time")
    reading_mebibytes: int = Field(4096, ge=256, description="and within this address space, MiB")
    readers: int = Field(2, ge=1, description="files read side by side")
    connections: int = Field(256, ge=8, description="connections open at once")
    questions: int = Field(64, ge=1, description="questions of a kind (answers, look-ups, designs) that may wait for their turn")
    jobs: int = Field(1, ge=1, description="calculations side by side")
    waiting: int = Field(16, ge=0, description="calculations that may wait for their turn")
    kept: int = Field(50, ge=1, description="finished calculations that are kept")
    job_hours: float = Field(24, gt=0, description="a calculation is stopped after this time")


class BenchmarkSettings(_Section):
    """How the benchmark asks its questions."""

    seed: int = Field(0, ge=0, description="seed of the splits, of noise and of the bootstrap; fold i trains with seed i")
    folds: int = Field(5, ge=2, description="folds of each split, and seeds in-sample")
    seeds: int = Field(
        3, ge=1, description="trainings of dosmith's and the paper's networks on each held-out fold of chemical systems"
    )
    in_sample_steps: int = Field(20_000, ge=1, description="training steps of networks that are asked for what they have seen")
    in_sample_batch: int = Field(8, ge=1, description="spectra a step of those; few, since they are to remember")
    held_out_steps: int = Field(2_000, ge=1, description="training steps of networks that are asked for what they have not seen")
    end_steps: int = Field(65_000, ge=1, description="training steps of the paper's network for a crystal system, to the end")
    resamples: int = Field(2000, ge=100, description="resamples of the bootstrap")
    processes: int = Field(2, ge=1, description="processes side by side, one thread each")


class Settings(_Section):
    """All sections."""

    spectra: SpectraSettings = SpectraSettings()
    files: FileSettings = FileSettings()
    paper: PaperSettings = PaperSettings()
    forward: ForwardSettings = ForwardSettings()
    other_spectra: OtherSpectraSettings = OtherSpectraSettings()
    dft: DftSettings = DftSettings()
    design: DesignSettings = DesignSettings()
    web: WebSettings = WebSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()


def load_settings(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from file and environment over the defaults.

    Raises:
        NotFoundError: the named file does not exist.
        SettingsError: the file is not TOML, or a name or value is not a setting's.
    """
    environ = os.environ if environ is None else environ
    values = _read_toml(path, environ)
    for name, text in environ.items():
        if name.startswith(PREFIX) and name not in (FILE_VARIABLE, TOKEN_VARIABLE):
            section, _, key = name.removeprefix(PREFIX).lower().partition("__")
            table = values.setdefault(section, {})
            if not key or not isinstance(table, dict):
                raise SettingsError(f"{name} is not a setting; names look like {PREFIX}SPECTRA__BROADENING")
            table[key] = text
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        why = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise SettingsError(f"setting {name}: {why}") from None


def _read_toml(path: str | Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    named = path or environ.get(FILE_VARIABLE)
    if named is None:
        from platformdirs import user_config_path

        file = user_config_path("dosmith") / "settings.toml"
        if not file.is_file():
            return {}
    else:
        file = Path(named)
        if not file.is_file():
            raise NotFoundError(f"settings file {file} does not exist")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"settings file {file} is not TOML: {error}") from None
