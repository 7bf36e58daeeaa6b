"""CHGNet: volumes and energies of crystals without a density-functional run. Offline; its weights are in its package.

B. Deng et al., Nature Machine Intelligence 5, 1031 (2023).
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.minimum import minimum
from dosmith.crystals.molecules import BOND_LENGTHS, molecule
from dosmith.crystals.prototypes import PROTOTYPES, Prototype
from dosmith.errors import MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

NAME = "CHGNet 0.3.0, equation of state"
ELEMENTAL = ("A1", "A2", "A3", "A4", "A_h")
"""Prototypes among which an element's reference is the lowest."""
INTERCHANGEABLE = {"B1": "AB", "B2": "AB", "B3": "AB", "B4": "AB", "B_h": "AB", "C1_b": "AC", "L2_1": "BC", "P4/mmm AB2C": "BC"}
"""Sites of a prototype whose elements may change places: it stays the same crystal."""
MOMENT_LAYER = 3
"""The layer of CHGNet's embeddings that it reads moments from."""
_AT_ONCE = 128  # atoms in one pass
_CLOSE = 0.65  # of the sum of atomic radii
_VOLUMES = (0.3, 2.0)  # of the sum of elemental volumes; alkali metals shrink threefold in their salts
_BOX = 6.0  # Angstrom; a molecule's distance to the next, within the potential's reach
_SIZE_STEP = 0.06  # of the logarithm of the volume
_STRETCH_STEP = 0.04  # of the logarithm of c/a


@contextlib.contextmanager
def _network_alone() -> Iterator[None]:
    """CHGNet's network can be imported without its molecular dynamics and its readers of VASP, which bring ASE, Matplotlib and SciPy's statistics.

    Two packages of its are stood in for by their bare folders; whoever imports them later gets them whole.
    """
    import chgnet

    stood_in = [name for name in ("chgnet.utils", "chgnet.model") if name not in sys.modules]
    for name in stood_in:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(Path(folder) / name.rpartition(".")[2]) for folder in chgnet.__path__]
    try:
        if "chgnet.utils" in stood_in:
            from chgnet.utils import common_utils as utilities

            vars(sys.modules["chgnet.utils"]).update({key: value for key, value in vars(utilities).items() if key[0] != "_"})
        yield
    finally:
        for name in stood_in:
            del sys.modules[name]


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A crystal at its lowest energy in the potential.

    Attributes:
        structure: the crystal.
        energy: eV/atom.
    """

    structure: Structure
    energy: float

    @property
    def volume(self) -> float:
        """Angstrom^3/atom."""
        return float(self.structure.volume / len(self.structure))


@dataclass(frozen=True, eq=False)
class View:
    """What CHGNet makes of a crystal of n atoms.

    Attributes:
        energy: eV/atom.
        embeddings: of the atoms, as they begin and after each of four convolutions, shape (n, 5, 64).
        moments: of the atoms, without sign, Bohr magnetons, shape (n,).
    """

    energy: float
    embeddings: NDArray[np.float32]
    moments: NDArray[np.float64]


class Potential:
    """The CHGNet potential. References of elements are kept, so one object for many crystals is fastest.

    Raises:
        MissingExtraError: CHGNet is not installed; raised when the first energy is asked for.
    """

    def __init__(self) -> None:
        self._references: dict[str, Relaxed] = {}
        self._elemental: dict[str, float] = {}

    @cached_property
    def model(self) -> Any:
        """The network itself, on first use; MissingExtraError without CHGNet."""
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with _network_alone():
                    from chgnet.model.model import CHGNet
            except ImportError:
                raise MissingExtraError("finding a volume (CHGNet)", "relax") from None
            return CHGNet.load(use_device="cpu", verbose=False).eval()

    def views(self, structures: Sequence[Structure]) -> list[View | None]:
        """What the network makes of crystals as they are, many in one pass; None where the atoms are too far apart for it."""
        model = self.model
        import torch

        from dosmith.crystals.graphs import graph_of

        graphs = [graph_of(structure, model) for structure in structures]
        found: list[View | None] = [None] * len(structures)
        for part in _parts([None if graph is None else len(graph.atomic_number) for graph in graphs]):
            seen: list[Any] = []
            hooks = [
                layer.register_forward_hook(lambda _module, _inputs, output, seen=seen: seen.append(output))
                for layer in (model.atom_embedding, *model.atom_conv_layers)
            ]
            try:
                with torch.inference_mode():
                    energies = model([graphs[place] for place in part], task="e")["e"].tolist()
                    embedded = torch.stack(seen, dim=1)
                    moments = model.site_wise(embedded[:, MOMENT_LAYER]).abs()[:, 0].numpy().astype(np.float64)
            finally:
                for hook in hooks:
                    hook.remove()
            ends = np.cumsum([len(graphs[place].atomic_number) for place in part])
            each = zip(part, energies, np.split(embedded.numpy(), ends[:-1]), np.split(moments, ends[:-1]), strict=True)
            for place, energy, layers, sizes in each:
                found[place] = View(energy, layers, sizes)
        return found

    def energy(self, structure: Structure) -> float:
        """eV/atom of a crystal as it is.

        Raises:
            NotFoundError: its atoms are too far apart for the potential.
        """
        return self.view(structure).energy

    def view(self, structure: Structure) -> View:
        """What the network makes of one crystal.

        Raises:
            NotFoundError: its atoms are too far apart for the potential.
        """
        (found,) = self.views([structure])
        if found is None:
            raise NotFoundError(f"the atoms of {structure.reduced_formula} are too far apart for CHGNet")
        return found

    def energies(self, structures: Sequence[Structure]) -> list[float | None]:
        """eV/atom of crystals as they are; None where the atoms are too far apart for the potential."""
        return [None if each is None else each.energy for each in self.views(structures)]

    def relaxed(self, prototype: Prototype, elements: Sequence[str]) -> Relaxed:
        """A prototype with these elements at the volume (and c/a, where it is free) of lowest energy.

        Raises:
            NotFoundError: there is no such volume near those of its elements.
        """
        volumes = [self.elemental_volume(symbol) for symbol in elements]
        return self._relaxed(prototype, elements, float(np.average(volumes, weights=prototype.counts)))

    def elemental_volume(self, symbol: str) -> float:
        """Angstrom^3/atom of an element: in the potential, or measured where that is less, as of molecular crystals.

        Raises:
            NotFoundError: the potential knows no volume for it.
        """
        return min(self.reference(symbol).volume, measured_volume(symbol))

    def reference(self, symbol: str) -> Relaxed:
        """An element in the lowest of the simple metals' structures; molecules are not among them (`elemental_energy`).

        Raises:
            NotFoundError: the potential knows no volume for it.
        """
        if symbol not in self._references:
            found = []
            for name in ELEMENTAL:
                with contextlib.suppress(NotFoundError):
                    found.append(self._relaxed(PROTOTYPES[name], [symbol], measured_volume(symbol)))
            if not found:
                raise NotFoundError(f"CHGNet finds no volume for {symbol}; give a structure file")
            self._references[symbol] = min(found, key=lambda relaxed: relaxed.energy)
        return self._references[symbol]

    def best(self, prototype: Prototype, assignments: Iterable[Sequence[str]]) -> Relaxed:
        """The lowest of several ways to put elements on a prototype's sites.

        Raises:
            NotFoundError: none of them has a volume of lowest energy near those of its elements.
        """
        found = []
        for elements in _distinct(prototype, assignments):
            with contextlib.suppress(NotFoundError):
                found.append(self.relaxed(prototype, elements))
        if not found:
            raise NotFoundError(f"CHGNet finds no volume for {prototype.name}; give a structure file")
        return min(found, key=lambda relaxed: relaxed.energy)

    def could_be(self, relaxed: Relaxed) -> bool:
        """Whether volume and distances are those of a crystal that could be.

        Raises:
            NotFoundError: the potential knows no volume for one of its elements.
        """
        elements = [site.specie for site in relaxed.structure]
        volume = float(np.mean([self.elemental_volume(element.symbol) for element in elements]))
        if not _VOLUMES[0] <= relaxed.volume / volume <= _VOLUMES[1]:
            return False
        radii = np.array([float(element.atomic_radius or np.nan) for element in elements])
        one, other, _, distance = relaxed.structure.get_neighbor_list(2 * _CLOSE * float(radii.max()), exclude_self=True)
        return bool(np.all(distance >= _CLOSE * (radii[one] + radii[other])))

    def formation_energy(self, relaxed: Relaxed) -> float:
        """Against its elements, eV/atom."""
        return relaxed.energy - float(np.mean([self.elemental_energy(site.specie.symbol) for site in relaxed.structure]))

    def elemental_energy(self, symbol: str) -> float:
        """eV/atom of an element in the lowest of the simple metals' structures, or as a molecule of two atoms.

        Raises:
            NotFoundError: the potential knows no volume for it.
        """
        if symbol not in self._elemental:
            energies = [self.reference(symbol).energy]
            if symbol in BOND_LENGTHS:
                energies.append(self.energy(molecule(symbol, _BOX)))
            self._elemental[symbol] = min(energies)
        return self._elemental[symbol]

    def _relaxed(self, prototype: Prototype, elements: Sequence[str], volume: float) -> Relaxed:
        known: dict[tuple[float, float], float] = {}

        def shaped(size: float, stretch: float) -> Structure:
            return prototype.stretched(float(np.exp(stretch))).structure(elements, volume * float(np.exp(size)))

        def energy(size: float, stretch: float) -> float:
            if (size, stretch) not in known:
                known[size, stretch] = self.energy(shaped(size, stretch))
            return known[size, stretch]

        size, lowest = minimum(lambda x: energy(x, 0.0), 0.0, _SIZE_STEP)
        stretch = 0.0
        if prototype.crystal_system != "cubic":
            stretch, lowest = minimum(lambda x: energy(size, x), 0.0, _STRETCH_STEP)
            if abs(stretch) > _STRETCH_STEP / 2:  # far enough to change the volume too
                fixed = stretch
                size, _ = minimum(lambda x: energy(x, fixed), size, _SIZE_STEP)
                stretch, lowest = minimum(lambda x: energy(size, x), fixed, _STRETCH_STEP)
        return Relaxed(shaped(size, stretch), lowest)


def _parts(sizes: Sequence[int | None]) -> Iterator[list[int]]:
    """Places of crystals of these sizes in few passes, none of many atoms unless it is of one crystal; None is in none."""
    part: list[int] = []
    atoms = 0
    for place, size in enumerate(sizes):
        if size is None:
            continue
        if part and atoms + size > _AT_ONCE:
            yield part
            part, atoms = [], 0
        part.append(place)
        atoms += size
    if part:
        yield part


def measured_volume(symbol: str) -> float:
    """Angstrom^3/atom of an element."""
    from pymatgen.core.periodic_table import Element

    return float(Element(symbol).molar_volume) / 0.6022  # from cm^3/mol


def _distinct(prototype: Prototype, assignments: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Assignments less those that give the crystal of one before."""
    same = ["ABC".index(name) for name in INTERCHANGEABLE.get(prototype.name, "")]
    seen = set()
    for elements in assignments:
        fixed = tuple(symbol for place, symbol in enumerate(elements) if place not in same)
        crystal = (fixed, frozenset(elements[place] for place in same))
        if crystal not in seen:
            seen.add(crystal)
            yield elements
