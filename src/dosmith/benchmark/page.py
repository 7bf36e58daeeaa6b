"""The benchmark's pages, written from its results alone: what was measured, and what that means for a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dosmith.atomic import write_text
from dosmith.benchmark.cases import CASES, PAPER, Case
from dosmith.benchmark.chemistry import GAP_CLASSES
from dosmith.benchmark.figures import draw, models, score, strongest
from dosmith.benchmark.groups import GROUPS
from dosmith.benchmark.jobs import DISTURBED, FORWARD, NETWORKS, PLAIN, SHIPPED, SIMPLE, TO_THE_END, TOLD, VARIED
from dosmith.benchmark.metrics import BINS, BY_GROUP, METRICS, TITLES
from dosmith.benchmark.networks import DOS_BASED
from dosmith.benchmark.regression import REGRESSIONS
from dosmith.benchmark.run import SAMPLE

_PREDICTED = ("predicted", "predicted_09", "predicted_r2")
PAGE, GUIDE = "README.md", "can-and-cannot.md"

SPLIT_NAMES = {
    "in-sample": "in-sample",
    "formula": "held-out formula",
    "system": "held-out chemical system",
    "element-relaxed": "left-out element, known by itself",
    "element-strict": "left-out element, unknown",
}

ACTIVITIES = (
    ("Pt3Ni", "0.53", "J. Wu et al., J. Am. Chem. Soc. 2010, 132, 4984", "truncated octahedra"),
    ("Pt3Fe", "0.454", "C. Jung et al., ACS Appl. Mater. Interfaces 2017, 9, 31806", "ordered L1_2 on carbon"),
    ("Pt3Co", "", "Y. Xiong et al., Chem. Mater. 2018, 30, 1532", ""),
    ("Pt3Rh", "", "B. Narayanamoorthy et al., RSC Adv. 2014, 4, 55571", ""),
    ("Pt3Mn", "", "J. Lim et al., J. Mater. Chem. A 2022, 10, 7399", ""),
)
"""Mass activity of oxygen reduction at 0.9 V, A per mg of Pt, as the abstracts of the sources of the paper's Fig. 5a state it; empty where
theirs states none. Measured on particles of different shape: not to be compared finely."""


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Write both pages and their pictures into a folder."""
    pictures = draw(results, folder)
    write_text(folder / PAGE, page(results, pictures))
    write_text(folder / GUIDE, guide(results))


def page(results: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """The page of results in Markdown."""
    library = results["library"]
    parts = [
        f"""# The benchmark

Written by `dosmith benchmark` (`make benchmark`) from [benchmark.json](benchmark.json); nothing here is typed by hand. [What dosmith can and cannot do]({GUIDE}) explains
what the results mean for you.

Data: {library["name"]}, {library["count"]:,} spectra. The targets are {library["asked"]:,} of them, in {library["systems"]:,} chemical systems: binaries with
counts up to 3. Each answer is one of {library["compositions"]:,} compositions of {library["elements"]} elements. Unless stated otherwise,
numbers are means with 95 % intervals over {results["settings"]["folds"]} folds or seeds. A missing prediction counts as wrong. {_intervals(results)}
""",
        _headline(results, pictures),
        _by_group(results),
        _forward(results),
        _paper(results, pictures),
        _splits(results),
        _sensitivity(results, pictures),
        _definitions(results),
    ]
    return "\n".join(part for part in parts if part)


def guide(results: Mapping[str, Any]) -> str:
    """What dosmith can and cannot do, in plain words with the numbers of the benchmark."""

    def of(model: str, metric: str, split: str = "system", digits: int = 2) -> str:
        found = score(results, model, split, metric)
        return "?" if found is None else f"{found['mean']:.{digits}f}"

    def share(model: str, metric: str, split: str = "system") -> str:
        found = score(results, model, split, metric)
        return "?" if found is None else f"{found['mean']:.1%}".replace("%", " %")

    def rival(metric: str, split: str = "system") -> str:
        return strongest(results, SIMPLE, metric, split) or "substitution"

    def by_composition() -> str:
        untold = score(results, FORWARD, "system", "screen_untold_closed")
        if untold is None:
            return ""
        best = rival("screen_untold_closed")
        return (
            f" If it may use compositions only, and no crystals, it gets {share(FORWARD, 'screen_untold_closed')} of the way, and"
            f" {_called(best)} {share(best, 'screen_untold_closed')}."
        )

    return f"""# What dosmith can and cannot do

Written by `dosmith benchmark` from [its results](README.md). Here "new" means a chemical system that the model never saw. Two models are included: *dosmith*, the
default, which predicts the DOS of crystals and ranks them by it, and *paper*, the network of Bang et al. (`--model paper`). Each is compared with the strongest of {len([name for name in SIMPLE if name in models(results, "system")])} simple methods ({", ".join(_called(name) for name in SIMPLE if name in models(results, "system"))}).
*Substitution* takes the known materials with the nearest DOS, and replaces elements by others of their group.

## It finds a material it knows from its DOS

It looks the DOS up: the known materials with this DOS come first, and `dosmith similar` shows how alike the curves really are. The paper's network works from memory instead. For {share(PAPER, "top_5", "in-sample")} of the spectra
that it was trained on, it has the right composition among its first five (the included network, trained longer, for {share(SHIPPED, "top_5", "in-sample")}).

## It finds new materials that have the DOS

In this test dosmith chooses five materials from a list without seeing their DOS. Its choices have a mean true similarity of {of(FORWARD, "screen")}. The best possible choice has {of("oracle", "screen")}, a random one {of("random", "screen")}. So dosmith goes
{share(FORWARD, "screen_closed")} of the way from random to best, {_called(rival("screen_closed"))} {share(rival("screen_closed"), "screen_closed")}, the paper's network {share(PAPER, "screen_closed")}. {_compare(results, FORWARD, rival("screen_closed"), "screen_closed")} {_compare(results, PAPER, rival("screen_closed"), "screen_closed")}{by_composition()}
A similarity above 0.9 counts as the same DOS. {share(FORWARD, "screen_09")} of dosmith's picks are above 0.9, {share(rival("screen_09"), "screen_09")} of those of {_called(rival("screen_09"))}, {share(PAPER, "screen_09")} of the network's, {share("random", "screen_09")} of random ones, and {share("oracle", "screen_09")} of the best possible ones.

Retrieval cannot answer this question at all, since it never names a material that is not in the database. That takes a model, or substitution.

## It often names the composition of a new material

For a DOS from a new chemical system, dosmith chooses among {results["library"]["compositions"]:,} compositions. Its first answer is the true composition for {share(FORWARD, "top_1")} of the targets; the true composition is among its first five for {share(FORWARD, "top_5")} and among its first fifty for {share(FORWARD, "top_50")}.
The paper's network has it among the first five for {share(PAPER, "top_5")} and among the first fifty for {share(PAPER, "top_50")}; the best simple method has it for {share(rival("top_5"), "top_5")} ({_called(rival("top_5"))}) and {share(rival("top_50"), "top_50")} ({_called(rival("top_50"))}).
These DOS were computed in the same way as the training spectra. A curve from another program, functional or temperature differs more, and the answer is less accurate.

## It predicts the DOS of a crystal

For crystals of new chemical systems the predicted DOS has a mean cosine of {of(FORWARD, "predicted", digits=3)} to the computed one, and {share(FORWARD, "predicted_09")} of them are above 0.9 ({_called(rival("predicted"))}: {of(rival("predicted"), "predicted", digits=3)} and {share(rival("predicted"), "predicted_09")}).
{_trust(results)}

## It knows little of an element it has hardly seen

The next test looks for the right set of elements among the first five sets. If the paper's model knows an element of the target only as a pure element, it finds the set for {share(PAPER, "system_5", "element-relaxed")} of the targets; if it has never seen the element, it cannot find the set. Substitution, which
knows the periodic table, reaches {share("substitution", "system_5", "element-relaxed")} and {share("substitution", "system_5", "element-strict")}. dosmith's model proposes no element that it was not trained on.

## A similarity of 0.7 says little

The five known materials nearest to the *mean* spectrum, the same five whatever the target, have a mean similarity above 0.7 to {share("mean spectrum", "pattern_07")} of all targets, and above 0.9 to {share("mean spectrum", "pattern_09")}. Read 0.9 as similar, 0.7 as unremarkable.

## How sure to be

1. Look at `dosmith similar` beside every design. If a known material has a similarity above 0.95, it is the better answer.
2. Read the probability of a candidate: it is that of a cosine above 0.9, and was checked on new chemistry. Compute the DOS before you believe in it (`dosmith compute`).
3. Another energy zero, a narrower window or much noise make a different curve, and a worse answer: see the [sensitivity](README.md#sensitivity).
4. Candidates are binaries AB, A2B and A3B in simple crystals, perovskites ABX3, Heusler alloys and tetragonal alloys A2BC. The energies come from a potential, and most spectra are without spin.
"""


def _trust(results: Mapping[str, Any]) -> str:
    found = results.get("calibration", {}).get(FORWARD)
    if found is None:
        return "Its probabilities were not tested."
    return (
        f"It gave its picks a mean probability of {found['probability']:.2f}, and a share of {found['share']:.2f} of them matched;"
        f" on average, its probabilities differ from the true shares by {found['error']:.3f}."
    )


_NAMES = {PAPER: "The paper's network", FORWARD: "dosmith"}


def _called(method: str) -> str:
    """A method's name within a sentence, where a comma in it would mislead."""
    return method.replace(", ", " by ")


def _compare(results: Mapping[str, Any], model: str, other: str, metric: str) -> str:
    first, second = score(results, model, "system", metric), score(results, other, "system", metric)
    if first is None or second is None:
        return ""
    if first["low"] > second["high"]:
        return f"{_NAMES[model]} is better than {_called(other)}."
    if first["high"] < second["low"]:
        return f"{_NAMES[model]} is worse than {_called(other)}."
    return f"{_NAMES[model]} is about as good as {_called(other)}."


def _intervals(results: Mapping[str, Any]) -> str:
    """What the intervals are, and how they compare with those that take chemical systems for independent."""
    resamples = f"a bootstrap over chemical systems ({results['settings']['resamples']:,} resamples)"
    found = [each for each in results["results"] if each["split"] == "system" and each["mean"] is not None]
    robust = [each for each in found if "bootstrap" in each]
    older = list(dict.fromkeys(each["model"] for each in found if "bootstrap" not in each))
    text = ""
    if robust:
        ratios = [
            (each["high"] - each["low"]) / (each["bootstrap"][1] - each["bootstrap"][0])
            for each in robust
            if each["bootstrap"][1] > each["bootstrap"][0]
        ]
        text = f"Intervals are {results['intervals']}; their median width is {np.median(ratios):.1f} times that of intervals from {resamples}."
    if older:
        whose = f"Those of {', '.join(f'*{name}*' for name in older)}" if robust else "Intervals"
        text += (
            f" {whose} are from {resamples}. These are too narrow, since they treat systems that share an element as independent."
        )
    return text.strip()


def _by_group(results: Mapping[str, Any]) -> str:
    """The headline for each kind of target; nothing where that was not asked."""
    found = {(each["group"], each["part"], each["model"], each["metric"]): each for each in results.get("groups", ())}
    if not found:
        return ""
    names = list(dict.fromkeys(each["model"] for each in results["groups"]))
    parts = [(group, part) for group, both in GROUPS.items() for part in both]
    counts = {(group, part): found[group, part, names[0], BY_GROUP[0]]["n"] for group, part in parts}
    text = """## Results for groups of targets

The same targets are divided into two groups in four ways: whether dosmith's list of proposals holds this very crystal (composition and prototype); whether it has a gap; whether it has a magnetic moment; whether it lies on the hull of
the set. A target for which this is unknown is in neither group.
"""
    for metric in BY_GROUP:
        asked = [name for name in names if (*parts[0], name, metric) in found]  # results of before lack some
        shown = [name for name in asked if found[(*parts[0], name, metric)]["mean"] is not None]
        if shown:
            rows = [f"| {name} | {' | '.join(_group_cell(found[(*part, name, metric)]) for part in parts)} |" for name in shown]
            heads = " | ".join(f"{part} ({counts[group, part]:,})" for group, part in parts)
            text += f"\n### {TITLES[metric]}\n\n| method | {heads} |\n|---{'|---' * len(parts)}|\n{chr(10).join(rows)}\n"
    return text


def _group_cell(found: Mapping[str, Any]) -> str:
    return "" if found["mean"] is None else _interval(found)


def _headline(results: Mapping[str, Any], pictures: Sequence[str]) -> str:
    columns = (
        "screen_closed",
        "screen_untold_closed",
        "screen_09",
        "screen_untold_09",
        "screen_closed_09",
        "screen",
        "design_09",
        "design_coverage",
        "pattern_09",
        "coverage",
        "top_5",
        "top_50",
    )
    return f"""## Held-out chemical systems

This is the main result: everything that a method learned comes from other chemical systems than the targets. *Blind screening* hides the DOS of the held-out materials. Each
method picks five of them for each held-out target (never the target's own composition), and their true DOS shows how good the picks are. *Closed* is the share of the way
from random picks to the five best possible ones. dosmith and the methods called "crystal" or "in prototype" know prototype and volume of each hidden material; in columns called *untold* they pick by composition alone, as
all others do. *Design* looks at the first five answers from all compositions, own composition excluded,
where their DOS is known. *Pattern* is the same with the own composition included, as in the paper. *Top 5* and *top 50*: the own composition is among the first 5 or 50 answers.

{_table(results, "system", columns)}

Retrieval never names a composition that it has not seen, so it makes no blind pick. The mean spectrum gives every target the same answer.

{_picture("screening", "True similarity of blind picks", pictures)}"""


def _forward(results: Mapping[str, Any]) -> str:
    """What the forward model's spectra and probabilities are worth; nothing where it was not asked."""
    found = results.get("calibration", {}).get(FORWARD)
    if found is None:
        return ""
    rows = [
        f"| {model} | {' | '.join(_score(results, model, 'system', metric) for metric in _PREDICTED)} |"
        for model in models(results, "system")
        if score(results, model, "system", "predicted") is not None
    ]
    bins = [f"| {each['probability']:.2f} | {each['share']:.2f} | {each['n']:,} |" for each in found["bins"]]
    return f"""## Spectra of crystals nobody has computed

The DOS that a method predicts for a held-out crystal, compared with the computed one.

| method | {" | ".join(TITLES[metric] for metric in _PREDICTED)} |
|---{"|---" * len(_PREDICTED)}|
{chr(10).join(rows)}

### Do the probabilities hold?

For each of its five blind picks for a target, {FORWARD} gives the probability that the cosine to the target's DOS is above 0.9. The mean probability over all {found["n"]:,} picks is {found["probability"]:.3f}, and the cosine is above 0.9 for a share of {found["share"]:.3f};
expected calibration error over {BINS} bins: {found["error"]:.3f}.

| probability | share that matches | picks |
|---|---|---|
{chr(10).join(bins)}
"""


def _paper(results: Mapping[str, Any], pictures: Sequence[str]) -> str:
    parts = ["## The paper, row by row\n"]
    maps = results["maps"]
    if DOS_BASED in maps:
        rows = [
            f"| {name} | {found['agreement']:.2f} | {found['shuffled']['mean']:.2f} ({found['shuffled']['low']:.2f}-{found['shuffled']['high']:.2f}) | {found['n']} |"
            for name, found in maps.items()
        ]
        parts.append(
            f"""### Element vectors know chemistry (Fig. 2b)

The paper marks seven families of elements. The table gives the share of elements whose nearest element vector is of the same family, and the same with shuffled labels (range of 95 %).

| element vectors | same family | shuffled | elements |
|---|---|---|---|
{chr(10).join(rows)}

{_picture("elements", "Map of the elements (t-SNE)", pictures)}"""
        )
    if results["gaps"]:
        rows = [
            f"| {name} | {_interval(found['right'])} | {found['balanced']:.3f} | {_interval(found['majority'])} | {' / '.join(str(c) for c in found['classes'])} |"
            for name, found in results["gaps"].items()
        ]
        parts.append(
            f"""### Class of the band gap from the composition vector (Table S1)

A small network (64 hidden units) predicts one of three classes: a gap below {GAP_CLASSES[0]} eV, up to {GAP_CLASSES[1]} eV, or above. It is tested on held-out formulas. The paper reports 92 % (DOS-based) and 93 % (formula-based). The baseline always answers the commonest
class; "balanced" is the mean over the classes.

| element vectors | accuracy | balanced | commonest class | spectra by class |
|---|---|---|---|---|
{chr(10).join(rows)}
"""
        )
    if models(results, "in-sample"):
        sampled = f"in-sample, {SAMPLE} at random"
        rows = []
        stated = {
            "paper": ("0.98", "0.85"),
            "paper, SkipAtom": ("0.77 (other formula-based vectors)", "lower"),
            "paper, one-hot": ("lower still", "lower"),
        }
        for model in models(results, "in-sample"):
            cells = [
                _score(results, model, split, metric)
                for split in (sampled, "in-sample")
                for metric in ("top_5", "pattern_07", "pattern_09")
            ]
            rows.append(f"| {model} | {' | '.join(stated.get(model, ('', '')))} | {' | '.join(cells)} |")
        parts.append(
            f"""### Inverse design (Fig. 4a)

This is an **in-sample** test, as in the paper: the targets are spectra from the training set, {SAMPLE} at random or all. Composition accuracy is the share of targets whose own composition is among the first five. DOS-pattern accuracy is the share for which the mean cosine of
the candidates with a known DOS is above 0.7, or 0.9. The networks are trained for {results["settings"]["in_sample_steps"]:,} steps of {results["settings"]["in_sample_batch"]} spectra, once for each seed. The included network is trained much longer, since it also has to recognise varied spectra. Retrieval does not count the target itself; if it did, it would score 1. So would dosmith's own model, which looks known spectra up.

| method | paper: composition | paper: pattern | composition, {SAMPLE} | pattern 0.7, {SAMPLE} | pattern 0.9, {SAMPLE} | composition, all | pattern 0.7, all | pattern 0.9, all |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

{_picture("paper", "The paper's two accuracies, in-sample and held out", pictures)}"""
        )
    parts.extend(_case(each, results["cases"][each.key], pictures) for each in CASES if each.key in results["cases"])
    return "\n".join(parts)


def _case(wanted: Case, found: Mapping[str, Any], pictures: Sequence[str]) -> str:
    title = f"### {wanted.target}: {wanted.crystal_system} candidates of {wanted.n_elements} elements ({wanted.figure})"
    if "curve" not in found:
        return f"{title}\n\n{found['missing']}.\n"
    rows = []
    for place in range(max(len(found[kind]) for kind in ("published", "ours", "own", "retrieved"))):
        cells = []
        if place < len(found["published"]):
            each = found["published"][place]
            stated = "" if each["stated"] is None else f"{each['stated']:.2f}"
            cells += [each["formula"], stated, _known(each), _energy(each)]
        else:
            cells += ["", "", "", ""]
        cells += (
            [found["ours"][place]["formula"], _known(found["ours"][place]), _energy(found["ours"][place])]
            if place < len(found["ours"])
            else ["", "", ""]
        )
        own = found["own"][place] if place < len(found["own"]) else None
        cells += ["", ""] if own is None else [own["formula"], _expected(own)]
        retrieved = found["retrieved"][place] if place < len(found["retrieved"]) else None
        cells.append("" if retrieved is None else f"{retrieved['id']} {retrieved['similarity']:.3f}")
        rows.append(f"| {place + 1} | {' | '.join(cells)} |")
    text = f"""{title}

{wanted.note + " " if wanted.note else ""}Similarity is the cosine of the standard vectors ("unknown" if the set holds no such crystal); E_f is the formation energy from the set, eV/atom. The network's candidates
come from {"the included model" if wanted.n_elements == 2 else "the paper's network trained on these crystals alone"} ({found["spectra"]:,} spectra), and are in-sample if the target is one of these spectra. dosmith's candidates leave out the target itself; "~" marks a predicted similarity.
{"**" + found["missing"][0].upper() + found["missing"][1:] + ".** The case fills itself when the set grows." + chr(10) if found["missing"] else ""}
| rank | the paper says | its similarity | ours | E_f | paper's network here | similarity | E_f | dosmith | similarity | known materials nearest |
|---|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""
    if wanted.key == "Pt3Ni":
        text += f"""
Mass activity in oxygen reduction, in A per mg of Pt at 0.9 V, as stated in the abstracts of the sources that the paper cites:

| catalyst | mass activity | source |
|---|---|---|
{chr(10).join(f"| {formula} | {value or 'not in the abstract'} | {source}{'; ' + remark if remark else ''} |" for formula, value, source, remark in ACTIVITIES)}
"""
    return text + "\n" + _picture(f"case-{wanted.key}", f"DOS of {wanted.target} and of candidates", pictures)


def _expected(each: Mapping[str, Any]) -> str:
    return f"{each['similarity']:.3f}" if each["id"] else f"~{each['similarity']:.2f}, p = {each['probability']:.2f}"


def _known(each: Mapping[str, Any]) -> str:
    return "unknown" if each["similarity"] is None else f"{each['similarity']:.3f}"


def _energy(each: Mapping[str, Any]) -> str:
    return "" if each["formation_energy"] is None else f"{each['formation_energy']:+.2f}"


def _splits(results: Mapping[str, Any]) -> str:
    columns = ("top_1", "top_5", "top_50", "mrr", "system_5", "elements_1", "pattern_09", "coverage", "screen", "screen_closed")
    parts = ["## All splits\n"]
    for split, name in SPLIT_NAMES.items():
        if not models(results, split):
            continue
        left = results["left_out"].get(split)
        elements = f"\n\nLeft out, three in a fold: {' '.join(left)}." if left else ""
        chosen = [column for column in columns if not (METRICS[column].held_out and split == "in-sample")]
        parts.append(f"### {name[0].upper()}{name[1:]}{elements}\n\n{_table(results, split, chosen)}\n")
    return "\n".join(parts)


def _sensitivity(results: Mapping[str, Any], pictures: Sequence[str]) -> str:
    variants = list(dict.fromkeys(each["variant"] for each in results["results"] if each["split"] == "system"))
    if len(variants) < 2:
        return ""
    rows = []
    for variant in variants:
        cells = [_score(results, model, "system", metric, variant) for metric in ("screen", "top_50") for model in DISTURBED]
        rows.append(f"| {'as it is' if variant == PLAIN else variant} | {' | '.join(cells)} |")
    names = [f"{model}, {label}" for label in ("picks", "top 50") for model in DISTURBED]
    return f"""## Sensitivity

This test uses held-out chemical systems again, with changed curves. Noise, shift and window change only the targets; broadening and energy zero change all spectra before training. The picks are judged by the unchanged spectra.

| what is done | {" | ".join(names)} |
|---{"|---" * len(names)}|
{chr(10).join(rows)}

{_picture("sensitivity", "What disturbed curves do", pictures)}"""


def _definitions(results: Mapping[str, Any]) -> str:
    metrics = "\n".join(f"| {TITLES[name]} | `{name}` | {meaning} |" for name, meaning in results["metrics"].items())
    kinds = ", ".join(f"*{name}*" for name in NETWORKS)
    own = (
        f"*{FORWARD}*: dosmith's own model, which [predicts the DOS of crystals](../forward.md). The score of a composition is"
        " that of its known DOS, or else of its best crystal in the survey; for blind picks dosmith knows the crystals of the hidden materials; "
        if FORWARD in models(results, "system")
        else ""
    )
    return f"""## Definitions

| in tables | in the file | meaning |
|---|---|---|
{metrics}

Splits: polymorphs of one formula are always on the same side, training or test. Element vectors, centroids and networks see training spectra only. *Held-out formula* and *held-out chemical system*: each formula or system is tested in one of
{results["settings"]["folds"]} folds; fold i trains with seed i. *Left-out element*: three elements are left out in each fold; "known by itself" keeps their elemental crystals in the training data.

Methods: *random*; *mean spectrum*: the materials nearest to the mean training spectrum, whatever the target; *retrieval*: the nearest training spectra, the target itself excluded; *substitution*: the nearest training spectra, and
compositions made from them by replacing elements within their group; *mixed centroids*: the DOS of a composition is the mean of its elements' centroid DOS; {_regressions(results)}{kinds}: the paper's network with DOS-based, published or one-hot element vectors
({results["settings"]["held_out_steps"]:,} steps, {results["settings"]["in_sample_steps"]:,} in-sample, no variation of the spectra, as in the paper; *{VARIED}*: three times as long, with spectra varied as for the included model; *{TO_THE_END}*: trained for each crystal system separately{_end_steps(results)}, see [its learning curve](../paper-curve.md); *{SHIPPED}*: the included model itself); {own}*oracle*: the best five possible ones.
A candidate's DOS is that of its polymorph of lowest energy, in the target's crystal system if there is one.
"""


def _end_steps(results: Mapping[str, Any]) -> str:
    steps = results["settings"].get("end_steps")
    return "" if steps is None else f", {steps:,} steps of {results['settings']['in_sample_batch']} spectra"


def _regressions(results: Mapping[str, Any]) -> str:
    asked = [name for name in REGRESSIONS if name in models(results, "system")]
    if not asked:
        return ""
    return (
        "*kernel ridge*: regression with a Gaussian kernel on fractions and element descriptors of a composition, or with prototype and"
        " volume of a crystal; *neighbours in prototype*: the nearest known crystals of the same prototype; width, ridge and number of"
        " neighbours are chosen by chemical systems left out of the training part; "
    )


def _table(results: Mapping[str, Any], split: str, metrics: Sequence[str]) -> str:
    asked = [metric for metric in metrics if metric in results["metrics"]]
    rows = [
        f"| {model} | {' | '.join(_score(results, model, split, metric) for metric in asked)} |"
        for model in models(results, split)
    ]
    return "\n".join([f"| method | {' | '.join(TITLES[metric] for metric in asked)} |", f"|---{'|---' * len(asked)}|", *rows])


def _score(results: Mapping[str, Any], model: str, split: str, metric: str, variant: str = PLAIN) -> str:
    found = score(results, model, split, metric, variant)
    if found is None and model not in TOLD:  # results of before this was asked
        found = score(results, model, split, metric.replace("_untold", ""), variant)
    if found is None:
        return ""
    picks = score(results, model, split, "screen", variant) if metric.startswith("screen") else None
    return "no picks" if picks is not None and picks["mean"] == 0 else _interval(found)


def _interval(found: Mapping[str, Any]) -> str:
    return f"{found['mean']:.3f} ({found['low']:.3f}-{found['high']:.3f})"


def _picture(name: str, words: str, pictures: Sequence[str]) -> str:
    return f"![{words}]({name}.svg)\n" if f"{name}.svg" in pictures else ""
