"""The model card of a forward model, written from its spec alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dosmith.models.calibration import BAND
from dosmith.spectra.similarity import MATCH
from dosmith.spectra.zero import WORDS

_FEWEST = 20
"""Crystals of a kind from which its accuracy is stated."""


def text(spec: Mapping[str, Any]) -> str:
    """The card in Markdown."""
    recipe, settings, found = spec["recipe"], spec["settings"], spec["calibration"]
    options = "\n".join(f"| {key} | {value} |" for key, value in settings.items())
    zero = WORDS[recipe["zero"]]
    members = settings["members"]
    return f"""# Model card: {spec["name"]}

From a crystal to its density of states, trained on {spec["library"]["name"]} ({spec["library"]["count"]:,} spectra).

Output: a standard vector on {recipe["grid"]} (lower:upper:points, eV), unit area, energy zero at the {zero}, broadened by about
{settings["broadening"]:g} eV; a band around it; and the probability that a material matches a target.

## How it works

{members} members, averaged. Each is a mixture of

- **tight binding** ({settings["share"]:.0%}): s, p and d orbitals on every atom, two-centre integrals by Slater and Koster, the splitting of an
  atom's orbitals by its neighbours, eigenvalues on a mesh of the Brillouin zone filled with the valence electrons. Learned from
  computed spectra are orbital energies, radii and strengths of each element, the strengths and decays of the ten integrals, and a
  small network that changes an atom's values by its surroundings, as CHGNet (B. Deng et al., Nature Machine Intelligence 5, 1031,
  2023) sees them;
- **a plain network** ({1 - settings["share"]:.0%}) of the same embeddings of each atom, summed over atoms.

## How good it is on chemistry it has not seen

Split: **held-out chemical systems**. Every member leaves one of {members} folds of the chemical systems out; these are predictions of
single members for the fold they left out, {found["count"]:,} crystals in all, elements and ternaries among them, one seed ({settings["seed"]}). The answer
is the mean of all members.

| | |
|---|---|
| mean cosine to the computed DOS | {found["cosine"]:.3f} |
| share with a cosine above {MATCH:g} | {found["above"]:.3f} |
| R^2 of spectra of norm 1, against the mean spectrum | {found["determination"]:.3f} |
| half-width of the {BAND:.0%} band | {found["width"]:.2f} x (density + {found["floor"]:.4f} 1/eV) |
{_by_class(found.get("classes", {}))}{_by_kind(found.get("kinds", {}))}
## How it was trained

`dosmith train --model dosmith`.

| setting | value |
|---|---|
{options}

## Limits

- It knows {len(spec["elements"])} elements: {" ".join(spec["elements"])}. There are no f orbitals but flat levels.
- It predicts what its training set holds: PBE, most crystals without spin and at the volume of the potential.
- Gaps are those of the training set, and a broadening of {settings["broadening"]:g} eV hides small ones.
"""


def _by_class(classes: Mapping[str, Sequence[float]]) -> str:
    if not classes:
        return ""
    lines = "\n".join(f"| {name} | {number:,} | {mean:.3f} | {above:.2f} |" for name, (number, mean, above) in classes.items())
    return f"""
By class; classes overlap:

| class | number | mean cosine | share above {MATCH:g} |
|---|---|---|---|
{lines}
"""


def _by_kind(kinds: Mapping[str, Sequence[float]]) -> str:
    listed = sorted((-found[0], name) for name, found in kinds.items() if found[0] >= _FEWEST)
    if len(kinds) < 2 or not listed:
        return ""
    lines = "\n".join(f"| {name} | {kinds[name][0]:,} | {kinds[name][1]:.3f} | {kinds[name][2]:.2f} |" for _, name in listed)
    return f"""
By crystal, where {_FEWEST} or more are known:

| crystal | number | mean cosine | share above {MATCH:g} |
|---|---|---|---|
{lines}
"""
