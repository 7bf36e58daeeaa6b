"""What formation energies in the CHGNet potential are worth, and how long a candidate takes: writes docs/stability-measured.md."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from dosmith import formulas
from dosmith.crystals.potential import Potential
from dosmith.crystals.stability import Judge
from dosmith.crystals.survey import shipped_survey
from dosmith.designer import open_dos_set

ANIONS = {"oxides": {"O"}, "halides and hydrides": {"H", "F", "Cl", "Br", "I"}, "nitrides": {"N"}}
TIMED = ("Pt3Co", "Pt3Rh", "Pt3Fe", "Pt3Mn", "AuCo2", "PtFe2", "SrTiO3", "BaZrO3")
OUT = Path(__file__).parent.parent / "docs" / "stability-measured.md"


def main() -> None:
    library = open_dos_set()
    kinds: dict[str, list[tuple[float, float]]] = {"metals and semiconductors": [], **{name: [] for name in ANIONS}}
    for formula, facts in zip(library.formulas, library.provenances, strict=True):
        potential, computed = facts.get("potential_energy"), facts.get("formation_energy")
        symbols = {symbol for symbol, _ in formulas.parse(formula)}
        if potential is not None and computed is not None and len(symbols) > 1:
            kind = next((name for name, anions in ANIONS.items() if symbols & anions), "metals and semiconductors")
            formation = shipped_survey().formation_energy(formulas.parse(formula), potential)
            if formation is not None:
                kinds[kind].append((formation, computed))
    rows = []
    for kind, pairs in kinds.items():
        off = np.subtract(*np.array(pairs).T)
        sign = np.mean([(a < 0) == (b < 0) for a, b in pairs])
        rows.append(
            f"| {kind} | {len(off)} | {np.median(np.abs(off)):.3f} | {off.mean():+.3f} | {off.std():.3f} | {sign:.0%} |"
            f" {np.mean(np.abs(off) > 1):.1%} |"
        )
    started = time.perf_counter()
    known = Judge(library, shipped_survey())
    opened = time.perf_counter() - started
    looked = [judged.seconds for judged in known.each(TIMED)]
    judge = Judge(library, shipped_survey(), Potential())
    list(judge.each(["Pt3Ni"], relaxing=True))  # opens the potential and its references
    relaxed = [judged.seconds for judged in judge.each(TIMED, relaxing=True)]
    OUT.write_text(
        f"""# Stability in the potential, measured

Written by `python benchmarks/stability.py`. The table gives formation energies of the open DOS set's crystals by CHGNet 0.3.0 minus those by
density-functional theory (PBE, the same volumes, each method with its own energies of the elements), in eV/atom:

| crystals | count | median of absolute difference | mean difference | its standard deviation | same sign | off by more than 1 |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Time for one candidate (median of {len(TIMED)}; one core of a busy machine): {np.median(looked):.2f} s to look it up in survey and library
(after {opened:.1f} s to open both), {np.median(relaxed):.1f} s to relax cell and atoms, including those of the elements.
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
