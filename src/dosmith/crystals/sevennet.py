"""SevenNet-0: energies of crystals, better than CHGNet's (docs/potentials.md). Offline; its weights are in its package, which is not part of dosmith.

Y. Park et al., Journal of Chemical Theory and Computation 20, 4857 (2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dosmith.errors import DosmithError
from dosmith.library.stability import SEVENNET

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

NAME = SEVENNET
MODELS = {NAME: "7net-0", "SevenNet-l3i5": "7net-l3i5"}
"""What the package calls them."""
_TOGETHER = 8  # crystals in one pass: more take no less time each


class SevenNet:
    """Energies alone: forces, which take most of the time of a pass, are left out.

    Args:
        name: of the model.
    """

    def __init__(self, name: str = NAME) -> None:
        self.name = name

    @cached_property
    def _calculator(self) -> Any:
        try:
            from sevenn.calculator import SevenNetCalculator
        except ImportError:
            raise DosmithError(f"{self.name} needs the package sevenn; install it: pip install sevenn") from None
        found = SevenNetCalculator(MODELS[self.name], device="cpu")
        found.model.set_is_batch_data(True)
        return found

    def energies(self, structures: Sequence[Structure]) -> list[float | None]:
        """eV/atom of crystals; None where the model does not know an element.

        Raises:
            DosmithError: its package is not installed.
        """
        kinds = self._calculator.type_map
        found: list[float | None] = [None] * len(structures)
        known = [place for place, each in enumerate(structures) if {site.specie.Z for site in each} <= kinds.keys()]
        for start in range(0, len(known), _TOGETHER):
            some = known[start : start + _TOGETHER]
            for place, energy in zip(some, self._pass([structures[place] for place in some]), strict=True):
                found[place] = energy / len(structures[place])
        return found

    def _pass(self, structures: Sequence[Structure]) -> list[float]:
        """eV of cells."""
        import sevenn._keys as key
        import torch
        from pymatgen.io.ase import AseAtomsAdaptor
        from sevenn.atom_graph_data import AtomGraphData
        from sevenn.train.dataload import unlabeled_atoms_to_graph
        from torch_geometric.data import Batch

        graphs = []
        for structure in structures:
            atoms = AseAtomsAdaptor.get_atoms(structure)
            graph = AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(atoms, self._calculator.cutoff))
            kinds = [self._calculator.type_map[number] for number in atoms.numbers.tolist()]
            graph[key.NODE_FEATURE] = torch.tensor(kinds)
            graphs.append(graph)
        batch = Batch.from_data_list(graphs)
        with torch.no_grad():
            for title, step in self._calculator.model._modules.items():
                batch = batch if title == "force_output" else step(batch)
        return [float(energy) for energy in batch[key.PRED_TOTAL_ENERGY].ravel().tolist()]
