"""Which Fermi level a curve gets, and where it comes from."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from samples import noted, parse

from dosmith.edges import BandEdges
from dosmith.errors import SpectrumError
from dosmith.sources.curve import Curve
from dosmith.sources.fermi import unset_level
from dosmith.spectra.standard import standardise

ALN = Path(__file__).parents[1] / "fixtures" / "vasprun-AlN.xml.gz"
E = np.arange(-7, 18, 0.01)
VALENCE = np.where((E > -5.8) & (E < 6.2), np.sin(np.pi * np.clip((E + 5.8) / 12, 0, 1)), 0.0) ** 0.5
SILICON = 8 * VALENCE / (VALENCE.sum() * 0.01) + np.where(E > 6.8, np.minimum(0.6 * np.sqrt(np.clip(E - 6.8, 0, None)), 1.0), 0.0)


@pytest.mark.parametrize("fermi", [5.349, 4.349, 10.519, 0.0, 8.0])
def test_aln_keeps_its_valence_band_top_whatever_level_its_file_states(fermi: float) -> None:
    text = gzip.decompress(ALN.read_bytes()).decode("latin-1")
    moved = re.sub(r'(<i name="efermi">)[^<]*', lambda m: f"{m.group(1)}{fermi:16.8f}", text)
    dos = parse(moved.encode("latin-1"))
    standard = standardise(dos.spectrum)
    assert (standard.zero, standard.gap) == pytest.approx((5.85, 4.17), abs=0.02)
    assert noted(dos, "16 electrons") is False and noted(dos, "not 16") is (fermi != 8.0)


def test_a_level_of_zero_that_pw_x_did_not_know_is_the_middle_of_the_gap() -> None:
    rows = "\n".join(f"{e:8.3f} {d:11.4E} {n:11.4E}" for e, d, n in zip(E, SILICON, np.cumsum(SILICON) * 0.01, strict=True))
    content = f"#  E (eV)   dos(E)     Int dos(E) EFermi =    0.000 eV\n{rows}\n".encode()
    dos = parse(content)
    standard = standardise(dos.spectrum)
    assert (standard.zero, standard.gap) == pytest.approx((6.2, 0.6), abs=0.03)
    counted = standardise(parse(content, electrons=8).spectrum)
    assert counted.zero == pytest.approx(standard.zero, abs=1e-6)
    assert dos.spectrum.fermi_from == "assumed"  # so that `data add` does not store it


def test_several_gaps_leave_the_level_to_the_user() -> None:
    deep = SILICON + np.where((E > -6.9) & (E < -6.3), 2 / 0.6, 0.0)
    with pytest.raises(SpectrumError, match=r"--electrons.*gaps follow on 2 .*, 10 "):
        unset_level(E, deep[None])
    assert unset_level(E - 6.5, SILICON[None]) is None  # 0 lies in the gap
    assert unset_level(E, np.where(E > -5, 1.0, 0.0)[None]) is None  # a metal


def curve(**options: object) -> Curve:
    return Curve("table", E, SILICON[None], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "source", "level"),
    [
        ({"fermi": 6.4}, "stated", 6.4),
        ({"fermi": 5.0, "edges": BandEdges(6.2, 6.8)}, "eigenvalues", 6.5),
        ({"fermi": 8.0, "edges": BandEdges(6.2, 6.8)}, "eigenvalues", 6.5),
        ({"fermi": 6.21, "edges": BandEdges(6.2, 6.8)}, "stated", 6.21),
        ({"fermi": 5.0, "electrons": 8.0}, "electrons", 6.5),
        ({"edges": BandEdges(6.2, 6.8)}, "eigenvalues", 6.5),
        ({"electrons": 8.0}, "electrons", 6.5),
        ({"assumed_fermi": 0.0}, "assumed", 0.0),
    ],
)
def test_where_a_level_comes_from(given: dict, source: str, level: float) -> None:
    spectrum = curve(**given).spectrum()
    assert spectrum.fermi_from == source
    assert spectrum.fermi == pytest.approx(level, abs=0.02)


def test_what_the_user_gives_goes_first() -> None:
    stated = curve(fermi=5.0, edges=BandEdges(6.2, 6.8), electrons=8.0)
    assert (stated.spectrum(fermi=6.3).fermi, stated.spectrum(fermi=6.3).fermi_from) == (6.3, "given")
    assert stated.spectrum(electrons=4).fermi < 2.0
    with pytest.raises(SpectrumError, match="--fermi"):
        curve().spectrum()


def test_a_level_in_a_band_near_a_gap_is_called_doping() -> None:
    steps = standardise(curve(fermi=5.0).spectrum()).steps
    assert any("doped crystal" in step and "below a gap" in step for step in steps)
    assert not any("doped" in step for step in standardise(curve(fermi=0.0).spectrum()).steps)
