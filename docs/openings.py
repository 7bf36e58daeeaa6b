"""What each page of evidence opens with: three numbers, and bars with a caption, out of its own tables, which a committed command wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from page_tables import Bars, Table, said, shown, value

ROOT = Path(__file__).parents[1]

Numbers = Sequence[tuple[str, str]]
Opening = tuple[Numbers, str, Bars]


def _benchmark(page: list[Table], text: str) -> Opening:
    ours, simple = page[0].row("dosmith"), page[0].row("kernel ridge, crystal")
    count = said(text, r"one of ([\d,]+) compositions")
    bars = [each for each in page[0].bars("picks: closed") if each[0] != "random"]
    return (
        [
            (
                shown(ours["picks: closed"]),
                f"of the way from random picks to the best there are; kernel ridge {shown(simple['picks: closed'])}",
            ),
            (
                shown(ours["top 50"]),
                f"of the targets have their own composition among the first 50 of {count}; kernel ridge {shown(simple['top 50'])}",
            ),
            (
                said(text, r"expected calibration error over 10 bins: (0\.\d+)"),
                "is the average error of its probabilities",
            ),
        ],
        "Blind screening on chemical systems that were never seen: share of the way from random picks to the best",
        bars,
    )


def _verified(page: list[Table], text: str) -> Opening:
    ours = page[0].row("dosmith")
    return (
        [
            (ours["computed"], "candidates of dosmith were computed after they had been proposed"),
            (shown(ours["match"]), "of them have the wanted DOS and gap"),
            (ours["targets with a match"], "of the targets got at least one such candidate"),
        ],
        "Share of the computed candidates that have the wanted DOS and gap, by who proposed them and for which targets",
        page[0].bars("match", lambda row: f"{row[0]}, {row[1]}"),
    )


def _outer(page: list[Table], text: str) -> Opening:
    ours = page[0].row("all that can be predicted")
    return (
        [
            (
                ours["mean cosine"],
                f"mean cosine to {ours['number']} spectra of the Materials Project, which others computed",
            ),
            (ours["share above 0.9"], "of them are predicted with a cosine above 0.9"),
            (ours["worth of the shift"], "is what the best shift along the energy axis would add to the mean cosine"),
        ],
        "Mean cosine by kind of crystal",
        page[0].bars("mean cosine"),
    )


def _claims(page: list[Table], text: str) -> Opening:
    names, gaps, _, manganate = page[0].rows
    pairs = [
        ("own composition among the first 5, in-sample", said(names[0], r"\((0\.\d+)\)"), said(names[1], r"in-sample (0\.\d+)")),
        ("class of the gap", "0." + said(gaps[0], r"\((\d+) %\)"), said(gaps[1], r"^(0\.\d+)")),
        ("BaMnO3 beside BaTiO3", said(manganate[0], r"\((0\.\d+)\)"), said(manganate[1], r"^(0\.\d+)")),
    ]
    return (
        [(here, f"{what}; the paper {paper}") for what, paper, here in pairs],
        "What the paper states, and what is found here",
        [
            (f"{what}: {who}", float(number), number)
            for what, paper, here in pairs
            for who, number in (("the paper", paper), ("here", here))
        ],
    )


def _paper_curve(page: list[Table], text: str) -> Opening:
    name = "own composition among the first 5 (the paper's composition accuracy)"
    steps = page[0].rows[-1][2]
    inside, outside = ({row[0]: row[3] for row in table.rows if row[2] == steps} for table in page[:2])
    return (
        [
            (inside["cubic"], f"composition accuracy of cubic crystals after {steps} steps, in-sample"),
            (inside["hexagonal"], "the same for hexagonal crystals"),
            (outside["cubic"], "for cubic crystals from chemical systems that were held out"),
        ],
        "Composition accuracy, in-sample, by crystals and steps of training",
        page[0].bars(name, lambda row: f"{row[0]}, {row[2]} steps"),
    )


def _outer_ranks(page: list[Table], text: str) -> Opening:
    ours = page[0].rows[0]
    return (
        [
            (
                ours[1],
                f"of 50 spectra computed by others: their own crystal comes first among {said(text, r'([0-9,]+) crystals of')} and the added ones",
            ),
            (ours[2], "have their own crystal within the first 10"),
            (ours[3], "have it within the first 100"),
        ],
        "Found within the first 100",
        page[0].bars("within 100"),
    )


def _ablation(page: list[Table], text: str) -> Opening:
    names = ("one member, as it is", "tight binding alone", "mixed centroids")
    return (
        [(shown(page[0].row(name)["cosine"]), f"mean cosine: {name}") for name in names],
        "Mean cosine of predicted spectra, by what was changed",
        page[0].bars("cosine"),
    )


def _trials(page: list[Table], text: str) -> Opening:
    name = next(head for head in page[0].head if head.startswith("held out"))
    changes = {row[0]: shown(row[1]).split(",")[0] for row in page[0].rows}
    best = max(changes, key=lambda each: float(changes[each]))
    bars = [(what, float(number), number) for what, number in changes.items()]
    return (
        [
            (changes["as it is"], "mean cosine of the unchanged model, with one member and short training"),
            (changes[best], f"with the change that helps most: {best}"),
            (said(text, r"a cosine by up to (0\.\d+)"), "is the largest change that another seed alone makes"),
        ],
        f"Mean cosine, {name}",
        bars,
    )


def _ranking(page: list[Table], text: str) -> Opening:
    ours, other, all_three = (
        page[0].row(name)
        for name in ("expected similarity, as it is", "likelihood of correlated errors", "similarity, likelihood, joint space")
    )
    return (
        [
            (shown(ours["design > 0.9"]), "of the materials that dosmith proposes by similarity have the target's DOS"),
            (shown(other["top 5"]), "of the targets find their own composition among the first 5 by likelihood"),
            (shown(all_three["top 5"]), "of them by similarity, likelihood and a joint space together"),
        ],
        "Own composition among the first 5",
        page[0].bars("top 5"),
    )


def _identity(page: list[Table], text: str) -> Opening:
    return (
        [
            (said(text, r"first 1: (0\.\d+)"), "of the curves have their own composition as the first answer"),
            (said(text, r"first 5: (0\.\d+)"), "have it among the first 5"),
            (said(text, r"calibration error (0\.\d+)"), "is the average error of the probabilities"),
        ],
        "",
        [],
    )


def _projections(page: list[Table], text: str) -> Opening:
    every = [row for row in page[0].rows if row[1] == "all"]
    return (
        [(shown(row[3]), f"mean cosine of {row[2]} predicted parts: {row[0]}") for row in every],
        "Mean cosine of predicted parts, and of the total in their place",
        [
            (f"{row[0]}: {what}", value(row[place]) or 0.0, shown(row[place]))
            for row in every
            for what, place in (("predicted", 3), ("the total", 5))
        ],
    )


def _d_band(page: list[Table], text: str) -> Opening:
    return (
        [
            (said(text, r"Correlation: (0\.\d+)"), "is the correlation of centres with those published for surfaces"),
            (said(text, r"mean difference ([+-]?\d\.\d+) eV"), "eV, mean difference: bulk against surface"),
            (
                said(text, r"falls in (\d of these \d) steps"),
                "steps from Pt to Pt3Ti go down, as photoemission and theory have it",
            ),
        ],
        "Predicted d-band centre below the Fermi level, eV",
        page[0].bars("predicted, bulk, eV", size=abs),
    )


def _half_metals(page: list[Table], text: str) -> Opening:
    return (
        [
            (said(text, r"By calculation (\d+) are"), "crystals of the set have a gap in one spin alone, by calculation"),
            (said(text, r"; (\d+) are both"), "of them were predicted by the model, which had not seen their chemical systems"),
            (
                said(text, r"candidates ([\d,]+) are"),
                "crystals are expected to have such a gap, of all that the model may propose",
            ),
        ],
        "Gap of one spin by calculation, eV",
        page[0].bars("computed"),
    )


def _doubt(page: list[Table], text: str) -> Opening:
    rows = {row[0]: row[5].split(" -> ") for row in page[0].rows}
    return (
        [
            (
                rows["broadened by 0.5 eV"][1],
                f"calibration error of curves broadened by 0.5 eV; {rows['broadened by 0.5 eV'][0]} without the correction",
            ),
            (rows["as it is"][1], "calibration error of undisturbed curves"),
            (rows["shifted by 0.5 eV"][1], "of curves whose Fermi level is wrong by 0.5 eV, which their shape does not show"),
        ],
        "Calibration error after the correction, by what was done to the curve",
        [(name, float(after), after) for name, (_, after) in rows.items()],
    )


def _learning(page: list[Table], text: str) -> Opening:
    first, last = page[0].rows[0], page[0].rows[-1]
    return (
        [
            (first[2], f"mean cosine of a model that has learned from {first[0].split(', ')[0]} crystals"),
            (last[2], f"mean cosine with {last[0].rsplit(', ', 1)[0]} crystals"),
            (last[6], "of blind picks then have a cosine above 0.9"),
        ],
        "",  # it has a picture of its own
        [],
    )


def _atlas(page: list[Table], text: str) -> Opening:
    ours, others = page[0].row("1,000,000"), page[1].row("1,000,000")
    names = ("dosmith", "NumPy", "FAISS IndexFlatIP")
    return (
        [
            (shown(ours["search"]), "for one search among a million crystals"),
            (f"{page[0].rows[-1][-1]}", "of memory for that search"),
            (ours["adding, per 1,000"], "to add a thousand crystals"),
        ],
        "One search among a million, ms",
        [(name, value(others[name]) or 0.0, others[name]) for name in names],
    )


def _open_dos(page: list[Table], text: str) -> Opening:
    systems = re.findall(r"(\w+) ([\d,]*\d)", page[0].row("by crystal system")["count"])
    elements = next(row for row in page[0].rows if row[0].startswith("by element"))
    return (
        [
            (said(text, r"densities of states of ([\d,]+) crystals"), "crystals with their density of states"),
            (said(elements[0], r"\((\d+)\)"), "elements"),
            (page[0].row("with a gap of 0.3 eV or more")["count"], "of the crystals have a gap"),
        ],
        "Crystals by crystal system",
        [(name, float(count.replace(",", "")), count) for name, count in systems],
    )


def _survey(page: list[Table], text: str) -> Opening:
    import pyarrow.parquet as pq

    found = pq.read_table(ROOT / "data" / "survey" / "crystals.parquet", columns=["prototype", "elements", "formation_energy"])
    kinds = sorted(((each["counts"], each["values"]) for each in found["prototype"].value_counts().to_pylist()), reverse=True)
    forms = sum(energy is not None and energy < 0 for energy in found["formation_energy"].to_pylist())
    elements = {symbol for each in found["elements"].to_pylist() for symbol in re.findall(r"[A-Z][a-z]?", "".join(each))}
    return (
        [
            (f"{len(found):,}", f"crystals of {len(elements)} elements"),
            (f"{len(kinds)}", "prototypes"),
            (f"{forms / len(found):.0%}", "have a formation energy below zero in the potential"),
        ],
        "Crystals by prototype",
        [(name, float(count), f"{count:,}") for count, name in kinds],
    )


def _stability(page: list[Table], text: str) -> Opening:
    metals, oxides = page[0].row("metals and semiconductors"), page[0].row("oxides")
    return (
        [
            (metals["median of absolute difference"], "eV/atom, median difference from DFT, of metals and semiconductors"),
            (oxides["median of absolute difference"], "eV/atom, the same for oxides"),
            (metals["same sign"], "of metals and semiconductors have a formation energy of the right sign"),
        ],
        "Median of the absolute difference, eV/atom",
        page[0].bars("median of absolute difference"),
    )


def _convergence(page: list[Table], text: str) -> Opening:
    worst = min(page[0].bars("cosine, sigma 0.15 eV"), key=lambda bar: bar[1])
    energies = page[0].bars("energy, meV/atom", size=abs)
    return (
        [
            (
                said(text, r"at least 0\.995 as stored.*?met by (\d+ of \d+)"),
                "crystals have a cosine of 0.995 or more to tight settings",
            ),
            (worst[2], f"is the lowest cosine, that of {worst[0]}"),
            (f"{max(size for _, size, _ in energies):.1f}", "meV/atom is the largest error of a total energy"),
        ],
        "Error of the total energy against tight settings, meV/atom",
        energies,
    )


def _independent(page: list[Table], text: str) -> Opening:
    gaps = [(value(row[5]) or 0.0, value(row[6]) or 0.0) for row in page[0].rows]
    return (
        [
            (said(text, r"at least 0\.98: (\d+ of \d+)"), "crystals have a cosine of 0.98 or more to another code"),
            (said(text, r"lowest (0\.\d+)"), "is the lowest cosine"),
            (f"{max(abs(one - other) for one, other in gaps):.2f}", "eV is the largest difference between the two gaps"),
        ],
        "Cosine to the curve of GPAW",
        page[0].bars("cosine"),
    )


def _independent_parts(page: list[Table], text: str) -> Opening:
    return (
        [
            (said(text, r"Mean cosine of \d+ parts: (0\.\d+)"), "is the mean cosine of projections to those of another code"),
            (said(text, r"centres below 2\.5 eV: (\d+\.\d+) eV"), "eV is the mean difference of their centres"),
            (said(text, r"within (\d+%)"), "of the total holds for the sum of all parts"),
        ],
        "Cosine to the projection of GPAW",
        page[0].bars("cosine"),
    )


def _volumes(page: list[Table], text: str) -> Opening:
    return (
        [
            (said(text, r"differ by ([\d.]+ %)"), "is the median difference of volumes"),
            (said(text, r"at most ([\d.]+ %)"), "is the largest difference"),
            (said(text, r"cosine is (0\.\d+)"), "is the median cosine of the two curves"),
        ],
        "Difference of the volumes, %",
        page[0].bars("difference, %", size=abs),
    )


def _potentials(page: list[Table], text: str) -> Opening:
    errors = {row[1]: row[3] for row in page[0].rows if row[0] == "all"}
    return (
        [(error, f"eV/atom is the mean error of formation energies by {name}") for name, error in errors.items()],
        "Mean absolute error of formation energies, eV/atom",
        [(f"{row[1]}, {row[0]}", float(row[3]), row[3]) for row in page[0].rows],
    )


def _external(page: list[Table], text: str) -> Opening:
    return (
        [
            (
                said(text, r"sigma 0\.15 eV: mean (0\.\d+)"),
                "mean cosine between this set's program and VASP, on the same crystals",
            ),
            (said(text, r"shift of the energies mean (0\.\d+)"), "mean cosine once the energies are shifted to agree"),
            (
                said(text, r"lowest (0\.\d+)"),
                "is the lowest cosine, of a crystal whose stated Fermi level does not fit its number of electrons",
            ),
        ],
        "Cosine, lowest first",
        sorted(page[0].bars("cosine"), key=lambda bar: bar[1]),
    )


def _equations(page: list[Table], text: str) -> Opening:
    return (
        [
            (said(text, r"differ by ([\d.]+ %)"), "is the mean difference of volumes to all-electron calculations"),
            (said(text, r"is ([\d.]+) meV/atom on average"), "meV/atom, mean Delta"),
            (said(text, r"its median is ([\d.]+\d)"), "meV/atom, its median"),
        ],
        "Delta to WIEN2k, meV/atom",
        page[0].bars("Delta, meV/atom"),
    )


def _known_solids(page: list[Table], text: str) -> Opening:
    errors = [(row[0], abs(value(row[5]) or 0.0), row[5]) for row in page[0].rows if row[5]]
    return (
        [
            (said(text, r"adds\): (\d+) well-known solids"), "well-known solids"),
            (
                said(text, r"Own against published: .*?mean absolute ([\d.]+ %)"),
                "is the error of lattice constants at the engine's own volume",
            ),
            (said(text, r"Set against published: .*?mean absolute ([\d.]+ %)"), "at the volumes of the set"),
        ],
        "Lattice constants of the set, furthest from the published ones first, %",
        sorted(errors, key=lambda bar: -bar[1]),
    )


def _bases(page: list[Table], text: str) -> Opening:
    label = lambda row: f"{row[0]}, {row[1]}"  # noqa: E731
    worst, least = (page[0].rows[place] for place in (0, -1))
    return (
        [
            (worst[4] + " %", f"is the error of the volume of {worst[0]}"),
            (least[4] + " %", f"of {least[0]}"),
            (worst[5], f"meV/atom, Delta of {worst[0]}"),
        ],
        "Delta to WIEN2k, meV/atom",
        page[0].bars("Delta, meV/atom", label),
    )


def _reading(page: list[Table], text: str) -> Opening:
    by_programs = [row for row in page[0].rows if row[1] != "documented layout"]
    cosines = [value(cell) or 0.0 for cell in page[0].column("cosine")]
    bars = [(f"{row[0]}, {row[1]}", value(row[3]) or 0.0, row[3]) for row in by_programs]
    return (
        [
            (f"{sum(int(cell) for cell in page[0].column('files'))}", f"known files in {len(page[0].rows)} formats"),
            (f"{median(cosines):.3f}", "median cosine to the curve made of the same run's eigenvalues"),
            (
                f"{max(value(row[4]) or 0.0 for row in by_programs):.2f}",
                "eV is the largest error of an energy zero, in files that programs wrote",
            ),
        ],
        "Cosine of files that programs wrote",
        bars,
    )


def _reliability(page: list[Table], text: str) -> Opening:
    faults, kills = page[0], page[1]
    fuzz = next(table for table in page if "refused in one line" in table.head)
    total = sum(int(value(cell) or 0) for cell in fuzz.column("files"))
    lost = sum(int(value(cell) or 0) for cell in (*faults.column("materials lost"), *kills.column("lost")))
    return (
        [
            (
                f"{lost}",
                f"materials lost in {sum(int(value(cell) or 0) for cell in (*faults.column('injected'), *kills.column('killed')))} faults and kills",
            ),
            (f"{total:,}", "damaged files were read, or refused in one line"),
            (f"{sum(int(value(cell) or 0) for cell in fuzz.column('failures'))}", "of them caused anything else"),
        ],
        "Longest time for a damaged file, slowest readers first, s",
        sorted(fuzz.bars("longest, s"), key=lambda bar: -bar[1]),
    )


def _speed(page: list[Table], text: str) -> Opening:
    def seconds(table: Table) -> Bars:
        return [
            (row[0], float(said(row[1], r"seconds: ([\d.]+)")), said(row[1], r"seconds: ([\d.]+)"))
            for row in table.rows
            if re.search(r"(?:^|; )seconds: [\d.]+(?:;|$)", row[1])
        ]

    whole, search = {name: text for name, _, text in seconds(page[0])}, {name: size for name, size, _ in seconds(page[1])}
    return (
        [
            (whole["dosmith design Pt3Ni"], "s for a whole design on the command line"),
            (whole["dosmith similar Pt3Ni"], "s for the list of similar known materials"),
            (f"{1000 * search['ternaries']:.2f}", "ms for the exact search among all ternary compositions"),
        ],
        "Whole processes, s",
        seconds(page[0]),
    )


def _library_speed(page: list[Table], text: str) -> Opening:
    reading = {row[0]: row[1] for row in page[0].rows}
    seconds = [
        (name.removesuffix(", seconds"), value(cell) or 0.0, cell) for name, cell in reading.items() if name.endswith("seconds")
    ]
    return (
        [
            (reading["read and standardise all, seconds"], "s to read and standardise 100,000 spectra"),
            (reading["largest memory, MiB"], "MiB of memory for reading them"),
            (reading["filter by elements, crystal system and gap, seconds"], "s to filter by elements, crystal system and gap"),
        ],
        "Reading, s",
        seconds,
    )


def _board_speed(page: list[Table], text: str) -> Opening:
    clients = page[-1]
    opened = next(row for table in page for row in table.rows if row[0].startswith("the first ranking"))
    return (
        [
            (said(text, r"half came within ([\d.]+) ms"), "ms from a move of the mouse to the new ranking"),
            (opened[2], "ms to open the page with its first ranking, on a busy machine"),
            (clients.rows[1][1], f"ms for an answer while {clients.rows[1][0]} people drag"),
        ],
        "Median answer, by how many drag at once, ms",
        clients.bars(clients.head[1]),
    )


def _throughput(page: list[Table], text: str) -> Opening:
    names = re.findall(r"^## (\S+), (\d+) atoms", text, flags=re.M)
    last = [table.rows[-1] for table in page]
    return (
        [
            (row[3], f"times as fast as before tuning, {name} of {atoms} atoms")
            for (name, atoms), row in zip(names, last, strict=False)
        ][:3],
        "Crystals per hour on one core, as tuned",
        [
            (f"{name}, {atoms} atoms", value(table.rows[0][1]) or 0.0, table.rows[0][1])
            for (name, atoms), table in zip(names, page, strict=False)
        ],
    )


OPENINGS: dict[str, Callable[[list[Table], str], Opening]] = {
    "benchmark/README.md": _benchmark,
    "verified.md": _verified,
    "outer.md": _outer,
    "claims.md": _claims,
    "paper-curve.md": _paper_curve,
    "outer-ranks.md": _outer_ranks,
    "ablation.md": _ablation,
    "trials.md": _trials,
    "ranking.md": _ranking,
    "identity.md": _identity,
    "projections-measured.md": _projections,
    "d-band.md": _d_band,
    "half-metals.md": _half_metals,
    "doubt.md": _doubt,
    "learning.md": _learning,
    "atlas-speed.md": _atlas,
    "data/open-dos.md": _open_dos,
    "data/survey.md": _survey,
    "stability-measured.md": _stability,
    "convergence.md": _convergence,
    "independent.md": _independent,
    "independent-parts.md": _independent_parts,
    "potentials.md": _potentials,
    "volumes.md": _volumes,
    "external.md": _external,
    "equations-of-state.md": _equations,
    "known-solids.md": _known_solids,
    "bases.md": _bases,
    "reading.md": _reading,
    "reliability.md": _reliability,
    "speed.md": _speed,
    "library-speed.md": _library_speed,
    "board-speed.md": _board_speed,
    "throughput.md": _throughput,
}
"""Page of the site -> how it opens."""
