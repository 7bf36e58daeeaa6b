"""The study behind the defaults of `DftSettings`; written to benchmarks/convergence.json and docs/convergence.md.

    python benchmarks/convergence.py        (needs CP2K on PATH; what is in the JSON already is not computed again)

A few small crystals are computed by the defaults, by tight settings, and by the defaults with one setting changed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft import cp2k
from dosmith.dft.cp2k_kinds import Kinds
from dosmith.dft.eigenvalues import MeshEigenvalues
from dosmith.dft.engine import Calculation, Report
from dosmith.dft.kpoints import IrreducibleMesh, Mesh
from dosmith.errors import EngineError
from dosmith.settings import DftSettings

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

OUTPUT = Path(__file__).with_name("convergence.json")
PAGE = Path(__file__).parents[1] / "docs" / "convergence.md"

CRYSTALS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "Al-A1": ("A1", ("Al",), 16.5),
    "Si-A4": ("A4", ("Si",), 20.4),
    "Mg-A3": ("A3", ("Mg",), 23.0),
    "AlRe-B2": ("B2", ("Al", "Re"), 15.4),
    "TiO2-C1": ("C1", ("O", "Ti"), 9.3),
    "Cu-A1": ("A1", ("Cu",), 11.9),
    "W-A2": ("A2", ("W",), 16.1),
    "MoF-B1": ("B1", ("Mo", "F"), 12.0),
    "ZnPd3-L1_2": ("L1_2", ("Pd", "Zn"), 15.2),
}
"""Prototype, elements on A, B, ..., and volume per atom in Angstrom^3; cheap ones first, for those are varied first."""

PARTNERS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "Al-A1": ("A2", ("Al",), 17.3),
    "Si-A4": ("A1", ("Si",), 15.0),
    "Mg-A3": ("A1", ("Mg",), 24.2),
    "AlRe-B2": ("B1", ("Al", "Re"), 17.0),
    "TiO2-C1": ("C1", ("O", "Ti"), 9.8),
    "Cu-A1": ("A2", ("Cu",), 12.5),
    "W-A2": ("A1", ("W",), 16.9),
    "MoF-B1": ("B3", ("Mo", "F"), 13.0),
    "ZnPd3-L1_2": ("L1_2", ("Pd", "Zn"), 16.0),
}
"""For each crystal another one of the same elements at another volume, most in another prototype."""

TIGHT: dict[str, float] = {
    "scf_spacing": 0.3,
    "smearing": 300,
    "cutoff": 600,
    "hard_cutoff": 1000,
    "rel_cutoff": 60,
    "eps_default": 1e-10,
}
VARIED: dict[str, tuple[float, ...]] = {
    "interpolation": (1, 2),
    "smearing": (300, 1000, 2000),
    "scf_spacing": (0.6, 0.5, 0.3),
    "dos_refinement": (2, 4),
    "rel_cutoff": (20, 30, 60),
    "eps_default": (1e-6, 1e-8),
    "cutoff": (300,),
}
ALL_VARIED = ("ZnPd3-L1_2", "Al-A1", "Si-A4", "Mg-A3", "AlRe-B2")
"""Crystals for which all of these are computed: where the smearing tells most, and the cheap ones."""

PARTNER = "partner, "
"""Start of the names of runs on the partner of a crystal."""

FREE = ("interpolation",)
"""Settings that CP2K does not see: the run of the defaults serves."""

MORE: dict[str, dict[str, tuple[float, ...]]] = {
    "Mg-A3": {"hard_cutoff": (300, 400, 600, 1000)},
    "MoF-B1": {"hard_cutoff": (400,)},
}
"""More changes for single crystals, where those above do not tell what the defaults miss."""

TARGET_COSINE = 0.995
TARGET_ENERGY = 10.0
"""meV/atom."""

REACH = 7.5
"""The densities of states are compared this far to either side of the Fermi level, eV."""

MODEL_SIGMA = 0.15
"""Broadening that the model sees, eV."""

Results = dict[str, dict[str, dict[str, Any]]]
"""Crystal -> run (`reference`, `default`, `cutoff 200`, ...) -> figures."""


class Recording(cp2k.Cp2k):
    """CP2K with its converged runs kept: the last one for a look inside, and for settings that only treat what it gave."""

    kept: tuple[cp2k._Run, IrreducibleMesh, float] | None = None

    def _converge(
        self, folder: Path, structure: Structure, kinds: Kinds, spin: bool, mesh: Mesh, fine: IrreducibleMesh, report: Report
    ) -> cp2k._Run:
        if self.kept is None:
            started = time.monotonic()
            run = super()._converge(folder, structure, kinds, spin, mesh, fine, report)
            self.kept = run, fine, time.monotonic() - started
        return self.kept[0]


def crystal(name: str, partner: bool = False) -> Structure:
    prototype, elements, volume = (PARTNERS if partner else CRYSTALS)[name]
    return PROTOTYPES[prototype].structure(elements, volume)


def label(setting: str, value: float) -> str:
    return f"{setting} {value:g}"


def figures(calculation: Calculation, engine: Recording, atoms: int) -> dict[str, Any]:
    """What is kept of a calculation: energies in eV/atom, as computed and as the self-consistent run alone gives them."""
    assert engine.kept is not None
    run, fine, _ = engine.kept
    coarse = MeshEigenvalues(fine.every(run.bands, engine.settings.dos_refinement), run.electrons, engine.settings.smearing)
    return {
        "energy": calculation.energy / atoms,
        "free energy": run.free_energy / atoms,
        "free energy, extrapolated": (run.free_energy + coarse.entropy_energy / 2) / atoms,
        "k-points": [calculation.provenance["k_points_scf"], calculation.provenance["k_points_dos"]],
        "steps": run.steps,
        "eps_default": run.eps_default,
        "gap": calculation.gap,
        "seconds": round(calculation.seconds, 1),
    }


def smoothed(density: FloatArray) -> FloatArray:
    """A density of states brought from the stored broadening to the model's."""
    from scipy.ndimage import gaussian_filter1d

    settings = DftSettings()
    return np.asarray(gaussian_filter1d(density, (MODEL_SIGMA**2 - settings.sigma**2) ** 0.5 / settings.step, truncate=8))


def cosine(first: FloatArray, second: FloatArray) -> float:
    """Cosine of two densities of states on the energies of the settings, within `REACH`."""
    settings = DftSettings()
    margin = round((settings.window - REACH) / settings.step)
    first, second = first[margin:-margin], second[margin:-margin]
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def best_shift(density: FloatArray, reference: FloatArray) -> tuple[float, float]:
    """The rigid shift in eV that makes a density of states most like the reference, and the cosine then."""
    from scipy.ndimage import shift

    step = DftSettings().step
    tried = ((cosine(shift(density, places / step, order=3), reference), places) for places in np.linspace(-0.2, 0.2, 81))
    found, places = max(tried)
    return round(float(places), 3), found


def compute(name: str, run: str, settings: DftSettings, results: Results, engine: Recording | None = None) -> Recording:
    """One run; its figures go into the results. An engine that holds a run goes on from it."""
    structure = crystal(name, run.startswith(PARTNER))
    before = engine.kept[2] if engine and engine.kept else 0.0
    fresh = Recording(settings)
    fresh.kept = engine.kept if engine else None
    known = results.setdefault(name, {})
    try:
        calculation = fresh.compute(structure)
    except EngineError as error:
        known[run] = {"failed": str(error)}
    else:
        density = calculation.spectrum.total
        row = figures(calculation, fresh, len(structure))
        row["seconds"] = round(row["seconds"] + before, 1)
        if run == "reference":
            row |= {"settings": TIGHT}
            row |= {"density": [float(f"{value:.4g}") for value in density]}
        elif not run.startswith(PARTNER) and "density" in known.get("reference", {}):
            reference = np.array(known["reference"]["density"])
            row["cosine"] = cosine(density, reference)
            row["cosine, model"] = cosine(smoothed(density), smoothed(reference))
            row["shift"], row["cosine, shifted"] = best_shift(density, reference)
            row["meV/atom"] = 1000 * (row["energy"] - known["reference"]["energy"])
        known[run] = row
    save(results)
    print(name, run, {key: value for key, value in known[run].items() if key != "density"}, flush=True)
    return fresh


def study(results: Results) -> None:
    """All that is missing: first each crystal's reference and default, then the partners and the variations."""
    for name in CRYSTALS:
        known = results.setdefault(name, {})
        if "reference" not in known:
            compute(name, "reference", DftSettings(**TIGHT), results)
        free = [(setting, value) for setting in FREE for value in VARIED[setting] if label(setting, value) not in known]
        if free or "default" not in known:
            engine = compute(name, "default", DftSettings(), results)
            for setting, value in free if engine.kept else []:
                compute(name, label(setting, value), DftSettings(**{setting: value}), results, engine)
    for name, changes in MORE.items():
        for setting, values in changes.items():
            for value in values:
                if label(setting, value) not in results[name]:
                    compute(name, label(setting, value), DftSettings(**{setting: value}), results)
    for name in CRYSTALS:
        for run, settings in ((PARTNER + "default", DftSettings()), (PARTNER + "reference", DftSettings(**TIGHT))):
            if run not in results[name]:
                compute(name, run, settings, results)
    for name, (setting, values) in itertools.product(ALL_VARIED, VARIED.items()):
        for value in values:
            if label(setting, value) not in results[name]:
                compute(name, label(setting, value), DftSettings(**{setting: value}), results)


def changed() -> list[tuple[str, float]]:
    """All settings and what they are changed to, in order."""
    more = {(setting, value) for changes in MORE.values() for setting, values in changes.items() for value in values}
    return sorted(more | {(setting, value) for setting, values in VARIED.items() for value in values})


def load() -> Results:
    return json.loads(OUTPUT.read_text(encoding="utf-8"))["crystals"] if OUTPUT.exists() else {}


def save(results: Results) -> None:
    """The JSON and the page from it."""
    content = {
        "defaults": DftSettings().model_dump(),
        "reference": TIGHT,
        "crystals": results,
    }
    OUTPUT.write_text(compact(json.dumps(content, indent=1)) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


def compact(text: str) -> str:
    """JSON with its lists of numbers on one line each."""
    import re

    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def compared(results: Results, run: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Crystals with this run and a default, both compared with the reference: name, figures, those of the default."""
    for name in CRYSTALS:
        row, default = results.get(name, {}).get(run, {}), results.get(name, {}).get("default", {})
        if "cosine" in row and "cosine" in default:
            yield name, row, default


def tight_table(results: Results) -> str:
    text = (
        "| crystal | k-points | cosine, sigma 0.1 eV | cosine, sigma 0.15 eV | energy, meV/atom | difference to its partner, meV/atom"
        " | seconds | seconds of the reference |\n|---|---|---|---|---|---|---|---|\n"
    )
    for name, row, _ in compared(results, "default"):
        mesh = " in ".join(" x ".join(map(str, divisions)) for divisions in row["k-points"])
        reference = results[name]["reference"]["seconds"]
        text += (
            f"| {name} | {mesh} | {row['cosine']:.5f} | {row['cosine, model']:.5f} | {row['meV/atom']:+.1f}"
            f" | {between(results[name])} | {row['seconds']:.0f} | {reference:.0f} |\n"
        )
    return text


def difference(runs: dict[str, dict[str, Any]]) -> float | None:
    """Error of a crystal's energy against its partner's by the defaults, meV/atom; None when not computed."""
    names = ("default", "reference", PARTNER + "default", PARTNER + "reference")
    if not all("energy" in runs.get(name, {}) for name in names):
        return None
    default, reference, partner, partner_reference = (runs[name]["energy"] for name in names)
    return float(1000 * ((default - partner) - (reference - partner_reference)))


def between(runs: dict[str, dict[str, Any]]) -> str:
    error = difference(runs)
    return "" if error is None else f"{error:+.1f}"


def energy_table(results: Results) -> str:
    """Energies against the reference: a row for each run, a column for each crystal."""
    names = [name for name, _, _ in compared(results, "default")]
    text = f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}\n"
    for run in ("default", *(label(setting, value) for setting, value in changed())):
        found = {name: f"{row['meV/atom']:+.1f}" for name, row, _ in compared(results, run)}
        if found:
            text += f"| {run} | {' | '.join(found.get(name, '') for name in names)} |\n"
    return text


def variation_table(results: Results) -> str:
    text = (
        "| setting | default | changed to | crystals | worst cosine | furthest from the reference, meV/atom"
        " | largest change, meV/atom |\n|---|---|---|---|---|---|---|\n"
    )
    rows: list[tuple[str, float | None, str]] = [("default", None, "default")]
    rows += [(setting, value, label(setting, value)) for setting, value in changed()]
    for setting, value, run in rows:
        found = list(compared(results, run))
        if not found:
            continue
        worst = min((row["cosine"], name) for name, row, _ in found)
        furthest = max(((row["meV/atom"], name) for name, row, _ in found), key=lambda pair: abs(pair[0]))
        change = max(((row["meV/atom"] - default["meV/atom"], name) for name, row, default in found), key=lambda p: abs(p[0]))
        what = "all as they are | | " if value is None else f"`{setting}` | {getattr(DftSettings(), setting):g} | {value:g}"
        moved = "" if value is None else f"{change[0]:+.1f} ({change[1]})"
        text += f"| {what} | {len(found)} | {worst[0]:.4f} ({worst[1]}) | {furthest[0]:+.1f} ({furthest[1]}) | {moved} |\n"
    return text


def correction_table(results: Results) -> str:
    text = "| crystal | free energy of the run | the same, extrapolated to zero temperature | corrected |\n|---|---|---|---|\n"
    for name, row, _ in compared(results, "default"):
        reference = results[name]["reference"]["energy"]
        raw, flat = (1000 * (row[key] - reference) for key in ("free energy", "free energy, extrapolated"))
        text += f"| {name} | {raw:+.1f} | {flat:+.1f} | {row['meV/atom']:+.1f} |\n"
    return text


def verdict(results: Results) -> str:
    """Whether the targets are met, in words."""
    found = list(compared(results, "default"))
    curves = [(name, row["cosine"]) for name, row, _ in found if row["cosine"] < TARGET_COSINE]
    model = [(name, row["cosine, model"]) for name, row, _ in found if row["cosine, model"] < TARGET_COSINE]
    energies = [(name, row["meV/atom"]) for name, row, _ in found if abs(row["meV/atom"]) > TARGET_ENERGY]
    count = len(found)

    def said(what: str, missing: list[tuple[str, float]], form: str, count: int = count) -> str:
        if not missing:
            return f"{what}: met by {count} of {count} crystals."
        named = ", ".join(f"{name} ({value:{form}})" for name, value in missing)
        return f"{what}: met by {count - len(missing)} of {count} crystals, missed by {named}."

    errors = [(name, error) for name, runs in results.items() if (error := difference(runs)) is not None]
    apart = [(name, error) for name, error in errors if abs(error) > TARGET_ENERGY]
    failed = [f"{name}, {run}" for name, runs in results.items() for run, row in runs.items() if "failed" in row]
    missing = [name for name in CRYSTALS if name not in {name for name, _, _ in found}]
    lines = [
        "- " + said(f"Cosine of at least {TARGET_COSINE} as stored (sigma 0.1 eV)", curves, ".4f"),
        "- " + said(f"The same at the model's broadening (sigma {MODEL_SIGMA:g} eV)", model, ".4f"),
        "- " + said(f"Energy within {TARGET_ENERGY:g} meV/atom", energies, "+.1f"),
        "- " + said(f"Energy difference to the partner within {TARGET_ENERGY:g} meV/atom", apart, "+.1f", len(errors)),
    ]
    stopped = [
        f"{name}, {run}"
        for name, runs in results.items()
        for run, row in runs.items()
        if "steps" in row and row["eps_default"] != asked(run)
    ]
    if stopped:
        lines.append(f"- CP2K stopped at the threshold asked for, and went on with {cp2k.TIGHT_EPS:g}: {'; '.join(stopped)}.")
    if failed:
        lines.append(f"- Not computed, for CP2K failed: {'; '.join(failed)}.")
    if missing:
        lines.append(f"- Without a comparison yet: {', '.join(missing)}.")
    return "\n".join(lines)


def misses(results: Results) -> str:
    """What lies behind the misses that are known, with the figures of the day."""
    text = ""
    runs = results.get("ZnPd3-L1_2", {})
    if runs.get("default", {}).get("cosine", 1.0) < TARGET_COSINE:
        others = ", ".join(f"{row['cosine']:.4f} with {run}" for run, row in runs.items() if run.startswith(("sm", "scf")))
        moved = (
            f" Moved rigidly by {runs['default']['shift']:+.3f} eV, the curve of the default has a cosine of"
            f" {runs['default']['cosine, shifted']:.4f}."
            if "shift" in runs["default"]
            else ""
        )
        text += f"""
The curve of ZnPd3-L1_2 depends on the mesh and the smearing of the self-consistent run: its cosine is {others}.{moved}
"""
    runs = results.get("Mg-A3", {})
    energies = ", ".join(f"{row['meV/atom']:+.0f} with {run}" for run, row in runs.items() if run.startswith("hard"))
    if energies:
        text += f"""
The pseudopotential of magnesium includes the 2s and 2p electrons, whose orbitals are sharp for any such grid. The energy of Mg-A3 differs from the reference by these amounts, in meV/atom: {energies}; with the default
it is {runs["default"]["meV/atom"]:+.0f}. The spread of these numbers shows how accurate the energies of magnesium crystals are.
"""
    return text


def asked(run: str) -> float:
    """The threshold `eps_default` of a run."""
    setting, _, value = run.partition(" ")
    if run.endswith("reference"):
        return TIGHT["eps_default"]
    return float(value) if setting == "eps_default" else DftSettings().eps_default


def page(results: Results) -> str:
    """The results in Markdown."""

    def listed(values: dict[str, float]) -> str:
        return ", ".join(f"`{name}` {value:g}" for name, value in values.items())

    defaults = DftSettings()
    usual = {name: float(getattr(defaults, name)) for name in VARIED}
    runs = {label(setting, value) for setting, values in VARIED.items() for value in values}
    varied = [name for name in CRYSTALS if runs <= results.get(name, {}).keys()]
    partners = ", ".join(
        f"{name.partition('-')[0]}-{prototype} at {volume:g} for {name}"
        for name, (prototype, _, volume) in PARTNERS.items()
        if difference(results.get(name, {})) is not None
    )
    ways = [
        (f"{way.method.capitalize()} mixing of {way.share:.0%} with a memory of {way.history} steps", way, finish)
        if way.method != "DIRECT_P"
        else (f"density matrices from the start, {way.share:.0%} of the new one", way, finish)
        for way, finish in zip(cp2k.SPIN_MIXING, cp2k.FINISH, strict=True)
    ]
    mixing = "; ".join(
        f"{words}, to {way.threshold:g}, then up to {finish.steps} steps of {finish.share:.2g}" for words, way, finish in ways
    )
    return f"""# Convergence of the calculations

Written by `python benchmarks/convergence.py`, which reads and extends `benchmarks/convergence.json`. It shows why the `dft` settings were chosen.

Small crystals at fixed volumes (prototype in the name), all without spin, are computed with the default settings ({listed(usual)}),
with tight ones ({listed(TIGHT)}; the rest as in the default), and with the default and one setting changed. The comparison uses the density of states
from {-REACH:g} to {REACH:g} eV around the Fermi level, by its cosine, and the total energy. In practice, energies are used as differences between crystals
of the same elements, in which some errors cancel; in a total energy none do. Therefore each crystal has a partner of the same elements at another volume and mostly in another prototype ({partners}, Angstrom^3 per atom), and the tables also give the error of the
energy difference between the two.

Basis, pseudopotentials and functional are the same in all runs, so the tables show the error of the numerics, not of the physics.
Times are those of one thread on a machine with other work, so they are only a rough guide.

## The defaults against tight settings

{tight_table(results)}
Targets:

{verdict(results)}
{misses(results)}
## One setting changed

Cosine and energy are compared with the reference, the change with the default; times are in [throughput](throughput.md). The column `crystals`
says how many crystals were computed with the change; all changes were computed for {", ".join(varied) or "none of them yet"}.

{variation_table(results)}
Each energy relative to the reference, in meV/atom:

{energy_table(results)}
## Few k-points, many eigenvalues

A density of states needs far more k-points than an electron density. The self-consistent run has a coarse Gamma-centred mesh (`scf_spacing`). In its
potential, eigenvalues are then computed once on the irreducible points of a mesh `dos_refinement` times as fine. Periodic cubic splines along each axis carry them to a mesh `interpolation` times finer
still, band by band in the order of energy. Where bands cross, that order puts a kink into a band and the spline rounds it off; the
finer the mesh of true eigenvalues, the smaller the region where this shows. The fine mesh holds every point of the coarse one, so the eigenvalues on the coarse mesh are among
those computed, and need no second run.

The eigenvalues come from CP2K's Kohn-Sham and overlap matrices of every periodic image. Summed with exp(2 pi i k.R), these give CP2K's own bands at any k-point, within 1e-4 eV, and faster
than its band-structure section does (Pt3Ni, 120 points: half a second instead of two). The eigenvectors, in Loewdin's orthogonal orbitals, give the projections: at each energy, the share of each element and
orbital among the levels of the fine mesh, times the density of states.

## The energy is corrected

A coarse mesh and a high smearing temperature disturb the energy in two ways: they shift the density a little, and they sum the eigenvalues badly. The second error is by far the
larger, and it can be corrected without another self-consistent run. By the Harris functional (Phys. Rev. B 31, 1770 (1985)), if a density is wrong by a small amount, its energy,
computed with the eigenvalues of its own potential, is wrong only by the square of that amount. We therefore subtract from the free energy of the self-consistent
run its band energy, on the coarse mesh and at the temperature of `smearing`, with its entropy. In its place we add the band energy of the interpolated mesh at room temperature,
extrapolated to zero temperature by half the entropy term. Relative to the reference's energy, in meV/atom:

{correction_table(results)}
## Spin

CP2K mixes the charge and the magnetisation separately. This brings the two near self-consistency, but then does not converge: the change of the density goes up and down between
some 1e-4 and 1e-2, and the energy combines densities that differ, with an error of first order. A spin-polarised run therefore begins with this mixing, in three ways tried
in turn ({mixing}), and ends with steps that mix density matrices, with such a small share of the new one that the charge does not oscillate. The energy is then that of
a single density matrix, and wrong only in second order. The run is accepted if the last of these steps changes no element of the matrix by more than {cp2k.SETTLED:g}; else the next
way is tried. The eigenvalues on the fine mesh are computed in the last step. No spin-polarised crystal is in the tables above.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="write the page from what is there; compute nothing")
    arguments = parser.parse_args()
    results = load()
    if not arguments.page:
        study(results)
    save(results)


if __name__ == "__main__":
    main()
