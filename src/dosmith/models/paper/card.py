"""The model card: what a checkpoint is, how it was made, how good it is; written from its spec alone."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import Any

from dosmith.spectra.zero import WORDS

COLUMNS = ("network", "spectra", "top 1", "top 5", "top 5, varied", "top 5 by chance")
"""Titles of the columns of `accuracy_rows`."""


def accuracy_rows(spec: Mapping[str, Any]) -> list[tuple[str, int, str, str, str, str]]:
    """In-sample composition accuracy of each network, in `COLUMNS`."""
    chance = 5 / candidates_in_all(len(spec["elements"]), spec["n_elements"], spec["max_ratio"])
    return [
        (
            network,
            facts["in_sample"]["n"],
            interval(facts["in_sample"]["top_1"]),
            interval(facts["in_sample"]["top_5"]),
            interval(facts["in_sample_varied"]["top_5"]),
            f"{chance:.5f}",
        )
        for network, facts in spec["networks"].items()
    ]


def interval(score: Mapping[str, float]) -> str:
    """A share with its interval, as text."""
    return f"{score['mean']:.3f} ({score['low']:.3f}-{score['high']:.3f})"


def candidates_in_all(elements: int, n_elements: int, max_ratio: int) -> int:
    """How many compositions the model chooses from: coprime counts up to `max_ratio` of every set of elements."""
    from itertools import product
    from math import gcd

    ratios = sum(gcd(*counts) == 1 for counts in product(range(1, max_ratio + 1), repeat=n_elements))
    return comb(elements, n_elements) * ratios


def text(spec: Mapping[str, Any]) -> str:
    """The card in Markdown."""
    recipe, settings = spec["recipe"], spec["settings"]
    choices = candidates_in_all(len(spec["elements"]), spec["n_elements"], spec["max_ratio"])
    table = "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in accuracy_rows(spec))
    options = "\n".join(f"| {key} | {value} |" for key, value in settings.items())
    zero = WORDS[recipe["zero"]]
    return f"""# Model card: {spec["name"]}

From a density of states to compositions: the model of Bang et al., J. Mater. Chem. A 2024, 12, 6004
(DOI 10.1039/d3ta06491c), trained on {spec["library"]["name"]} ({spec["library"]["count"]:,} spectra).

Input: a standard vector on {recipe["grid"]} (lower:upper:points, eV), Gaussian sigma {recipe["broadening"]:g} eV in all, unit area, energy zero
at the {zero}. Output: a composition vector of {spec["n_elements"]} element vectors. The answer is the nearest of
{choices:,} compositions of {len(spec["elements"])} elements with counts up to {spec["max_ratio"]}.

## Composition accuracy, in-sample

Split: **in-sample** (the spectra it was trained on, all of them, as the paper tests). Share of spectra whose own composition is
the first, or among the first five; 95 % Wilson interval over spectra; one seed ({settings["seed"]}).

| {" | ".join(COLUMNS)} |
|---|---|---|---|---|---|
{table}

Varied: the same spectra, each stretched, shifted and modulated at random (seed {settings["seed"] + 1}; median cosine to the original
{spec["networks"]["any"]["in_sample_varied"]["median_cosine"]:.3f}), as if another program had computed them; the variations are of the kind used in training.

A lookup of the same spectra in the same set finds every composition (1.000), so this number says that the network has learned its
training set, not that it finds new materials. For a composition it has not seen, compare with `dosmith similar`.

## How it was trained

`dosmith train --model {spec["kind"]}`. Given by the paper: window, points, latent size, tanh, Adam, learning rates, the convolutional network, counts
up to 3. Chosen here, since the paper is silent: mean squared error; hidden width and epochs; batches; the learning rate falls along
a cosine; centroid DOS are centred and scaled before the autoencoder; training spectra are varied (`shift`, `stretch`, `modulation`) in
the first {1 - settings["plain_share"]:.0%} of the epochs, against small differences between programs.

| setting | value |
|---|---|
{options}

## Limits

- It knows {len(spec["elements"])} elements: {" ".join(spec["elements"])}.
- It proposes exactly {spec["n_elements"]} elements with counts up to {spec["max_ratio"]}, whatever the target.
- The variation is mild (see the median cosine above). A curve of another program, functional or polymorph can be farther away and is then not
  recognised.
- It always answers; a target unlike its training set gets an answer all the same. Look at the similarity of the candidates and at `dosmith similar`.
"""
