"""pymatgen's objects and their JSON."""

from __future__ import annotations

import json

import pytest
from samples import DOWN, UP, E, assert_curve, dos_json, noted, parse

from dosmith.errors import FileFormatError, SpectrumError
from dosmith.sources.files import from_pymatgen


def test_pymatgen_json_and_object() -> None:
    from pymatgen.core import Lattice, Structure
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.electronic_structure.dos import CompleteDos, Dos

    both = Dos(1.25, E, {Spin.up: UP, Spin.down: DOWN})
    crystal = Structure(Lattice.cubic(3.8), ["Ni", "Pt", "Pt", "Pt"], [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    complete = CompleteDos(crystal, both, {site: {} for site in crystal})
    for dos, composition in ((both, None), (complete, (("Ni", 1), ("Pt", 3)))):
        found = parse(json.dumps(dos.as_dict()).encode())
        assert (found.format, found.composition) == ("pymatgen JSON", composition)
        assert_curve(found.spectrum, UP, DOWN, fermi=1.25)
    assert_curve(from_pymatgen(both, broadening=0.1), UP, DOWN, fermi=1.25)
    assert from_pymatgen(both, broadening=0.1).broadening == 0.1
    assert_curve(from_pymatgen(Dos(1.25, E, {Spin.up: UP})), UP, fermi=1.25)
    with pytest.raises(SpectrumError, match="ndarray is not a pymatgen Dos"):
        from_pymatgen(UP)


def test_pymatgen_json_arrays_as_monty_writes_them() -> None:
    wrapped = {"@module": "numpy", "@class": "array", "dtype": "float64", "data": E.tolist()}
    assert_curve(parse(dos_json(energies=wrapped)).spectrum, UP, DOWN, fermi=1.25)


def test_pymatgen_json_without_fermi_level() -> None:
    with pytest.raises(SpectrumError, match="--fermi"):
        parse(dos_json(efermi=None))
    assert parse(dos_json(efermi=None), fermi=1.0).spectrum.fermi == 1.0


def test_pymatgen_json_with_shared_sites_has_no_composition() -> None:
    site = {"species": [{"element": "Ni", "occu": 0.5}, {"element": "Pt", "occu": 0.5}]}
    dos = parse(dos_json("CompleteDos", structure={"sites": [site]}))
    assert dos.composition is None and noted(dos, "no whole-number composition")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (dos_json()[:500], "is truncated"),
        (b"[" * 100_000, "is truncated"),
        (b"[" * 1_000_001, "over 1,000,000 lists"),
        (b"[1, 2]", "holds no density of states that dosmith knows"),
        (b'{"a": 1}', "holds no density of states that dosmith knows"),
        (dos_json("PhononDos"), "holds no density of states that dosmith knows"),
        (dos_json(energies={}), "without usable"),
        (dos_json(energies=[[1], [1, 2]]), "without usable"),
        (dos_json(energies=[10**400]), "without usable"),
        (dos_json(energies=3.0), "do not belong together"),
        (dos_json(densities=[1]), "without usable"),
        (dos_json(densities={"up": [1]}), "without usable"),
        (dos_json(densities={"-1": [1]}), "keyed by spin"),
        (dos_json(densities={"1": UP.tolist(), "-1": [1]}), "differ in length"),
        (dos_json(densities={"1": [float("nan")] * len(E)}), "NaN"),
        (dos_json(efermi="?"), "without usable"),
        (dos_json(efermi=99), "outside the energies"),
    ],
)
def test_pymatgen_json_refused(content: bytes, message: str) -> None:
    with pytest.raises((FileFormatError, SpectrumError), match=message) as caught:
        parse(content)
    assert "\n" not in str(caught.value)
