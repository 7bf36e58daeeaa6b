"""A crystal as a person names it: a formula, alone or with a prototype or a space group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dosmith import formulas, symmetry
from dosmith.crystals import kinds
from dosmith.crystals.common import common_compounds
from dosmith.errors import NotFoundError
from dosmith.formulas import Composition


def likely(composition: Composition) -> bool:
    """Whether a composition is one that chemists know, which small letters then mean: pto2 is PtO2, not PTO2."""
    from dosmith.crystals.filling import originals

    return any(composition == each for each, _ in common_compounds()) or bool(originals(composition))


@dataclass(frozen=True)
class Named:
    """A crystal as a person names it.

    Attributes:
        composition: reduced.
        prototype: Strukturbericht symbol, or None.
        space_group: its number, or None.
    """

    composition: Composition
    prototype: str | None = None
    space_group: int | None = None

    @classmethod
    def parse(cls, text: str, likely: Callable[[Composition], bool] = likely) -> Named:
        """A formula, alone or with a prototype or a space group behind a colon or a dash.

        >>> Named.parse("gaas:F-43m")
        Named(composition=(('Ga', 1), ('As', 1)), prototype=None, space_group=216)

        Args:
            text: as people write it.
            likely: whether small letters may mean a composition; of several ways to read them the only likely one counts.

        Raises:
            FormulaError: it begins with no formula.
            NotFoundError: there is no such prototype or space group.
        """
        for sign in (":", "-"):
            formula, found, rest = text.partition(sign)
            if found:
                return cls._of(formulas.typed(formula.strip(), likely), rest.strip())
        return cls(formulas.typed(text, likely))

    @classmethod
    def _of(cls, composition: Composition, rest: str) -> Named:
        group = symmetry.number_of(rest)
        if group is not None:
            return cls(composition, None, group)
        name = kinds.named(rest)
        if name is None:
            what = "a Strukturbericht symbol (L1_2), an AFLOW label (A2B_oP12_62_2c_c), a common name (rock salt)"
            raise NotFoundError(f"'{rest}' is no prototype and no space group; name {what} or a space group{kinds.near(rest)}")
        return cls(composition, name)

    def fits(self, prototype: str | None, space_group: int | None) -> bool:
        """Whether a crystal of this prototype and space group, as far as they are known, is one that is meant."""
        meant = self.prototype is None or (prototype is not None and kinds.label_of(prototype) == self.prototype)
        return meant and self.space_group in (None, space_group)
