"""What dosmith answers to sixteen well-known materials, for a chemist to judge: the tables of docs/holding.md.

    python benchmarks/holding.py        writes the tables; the words between them stand as they are

Ten candidates of each target without itself, ranked as a design does by default. What is computed is told from what is predicted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.crystals.plausible import balance
from dosmith.designer import Designer
from dosmith.records import Candidate
from dosmith.spectra.match import GAPPED

PAGE = Path(__file__).parents[1] / "docs" / "holding.md"
TARGETS = (
    "MgO",
    "BN",
    "TiO2",
    "BaTiO3",
    "SrTiO3",
    "Si",
    "GaAs",
    "PbTe",
    "CuCl",
    "BaF2",
    "AlP",
    "ZrN",
    "W",
    "Al3Zr",
    "Pt3Ni",
    "Pd",
)
LIBRARY_LACKS = {"GaAs": "AlAs"}
"""What stands for a target whose DOS the set does not hold."""
TOP = 10
CHARGES = {1: "balance", -1: "do not", 0: "-"}


def rows(designer: Designer, name: str) -> Iterator[str]:
    """A target's block."""
    asked = name if designer.library.rows_of(formulas.parse(name)) else LIBRARY_LACKS[name]
    answer = designer.design(asked, top=TOP + 1)
    target = answer.target
    gap = f"with a gap of {target.standard.gap:.2f} eV" if target.standard.gap >= GAPPED else "a metal"
    stands = "" if asked == name else f" The set does not hold {name}; {asked} stands for it."
    yield f"Target: {target.material_id}, {gap}.{stands}"
    yield ""
    yield "| | formula | crystal | DOS | similarity | gap, eV | above hull, eV/atom | from | rivals | P(match) | P(exists) | probability | charges |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    others = [each for each in answer.candidates if each.composition != target.composition][:TOP]
    for rank, each in enumerate(others, 1):
        yield (
            "| "
            + " | ".join(
                [str(rank), each.formula, each.prototype or "-", "computed" if each.known_dos else "predicted", *_cells(each)]
            )
            + " |"
        )
    alike = [each for each in others if each.gap is not None and (each.gap >= GAPPED) == (target.standard.gap >= GAPPED)]
    low = [each for each in others if each.above_hull is not None and each.above_hull <= 0.1]
    yield ""
    yield f"Of {len(others)} candidates, {len(alike)} are of the target's kind (metal or gapped), and {len(low)} lie within 0.1 eV/atom of a hull."


def _composition(name: str):  # type: ignore[no-untyped-def]
    from dosmith import formulas

    return formulas.parse(name)


def _cells(each: Candidate) -> list[str]:
    def number(value: float | None, digits: int) -> str:
        return "unknown" if value is None else f"{value:.{digits}f}"

    return [
        number(each.similarity, 3),
        number(each.gap, 2),
        number(each.above_hull, 3),
        each.hull_from,
        "-" if each.hull_rivals is None else str(each.hull_rivals),
        number(each.p_match, 2),
        number(each.p_exists, 2),
        number(each.probability, 2),
        CHARGES[balance(each.composition)],
    ]


def main() -> None:
    """Ask, write."""
    designer, text = Designer(), PAGE.read_text(encoding="utf-8")
    for name in TARGETS:
        block = f"<!-- {name}, written by benchmarks/holding.py -->\n" + "\n".join(rows(designer, name)) + "\n<!-- end -->"
        text, count = re.subn(rf"<!-- {name}, written by.*?<!-- end -->", lambda _, block=block: block, text, flags=re.DOTALL)  # type: ignore[misc]
        assert count == 1, name
    write_text(PAGE, text)


if __name__ == "__main__":
    main()
