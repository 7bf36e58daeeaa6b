"""What a composition must and must not be; applied inside the search, never after it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dosmith.errors import ConstraintError
from dosmith.formulas import Composition, atomic_number


@dataclass(frozen=True)
class Constraints:
    """Constraints on a composition.

    Attributes:
        allowed: only these elements; None for all.
        required: each of these must be in it.
        forbidden: none of these.
        ratio: its counts in any order, such as (1, 3); None for all.
        n_elements: how many elements; None leaves it to the model.
    """

    allowed: frozenset[str] | None = None
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    ratio: tuple[int, ...] | None = None
    n_elements: int | None = None

    @classmethod
    def of(
        cls,
        *,
        elements: str | Iterable[str] | None = None,
        require: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        ratio: str | tuple[int, ...] | None = None,
        n_elements: int | None = None,
    ) -> Constraints:
        """Constraints from what people write: element symbols, as a list or as in ``Pt,Ni``, and a ratio such as ``3:1``.

        >>> constraints = Constraints.of(elements="Pt,Ni,Co", exclude="Co", ratio="3:1")
        >>> constraints.admit((("Ni", 1), ("Pt", 3))), constraints.admit((("Ni", 1), ("Pt", 1)))
        (True, False)

        Raises:
            FormulaError: a symbol names no element.
            ConstraintError: the ratio is not one, or the constraints contradict each other.
        """
        allowed = None if elements is None else _symbols(elements)
        made = cls(allowed, _symbols(require), _symbols(exclude), _parse_ratio(ratio), n_elements)
        made._check()
        return made

    def _check(self) -> None:
        for symbol in (self.allowed or frozenset()) | self.required | self.forbidden:
            atomic_number(symbol)  # raises for what is no element
        both = self.required & self.forbidden
        if both:
            raise ConstraintError(f"{' and '.join(sorted(both))} cannot be both required and excluded")
        if self.allowed is not None and not self.required <= self.allowed:
            raise ConstraintError(
                f"{' '.join(sorted(self.required - self.allowed))} is required but not among the allowed elements"
            )
        if self.ratio is not None and self.n_elements is not None and len(self.ratio) != self.n_elements:
            raise ConstraintError(f"the ratio {self.ratio_text} is for {len(self.ratio)} elements, not {self.n_elements}")

    @property
    def ratio_text(self) -> str:
        """The ratio as text, largest first."""
        return "any" if self.ratio is None else ":".join(str(count) for count in sorted(self.ratio, reverse=True))

    def permits(self, symbol: str) -> bool:
        """Whether the element may take part."""
        return symbol not in self.forbidden and (self.allowed is None or symbol in self.allowed)

    def admit(self, composition: Composition) -> bool:
        """Whether a composition satisfies them all."""
        if self == _NONE:
            return True
        symbols = {symbol for symbol, _ in composition}
        return (
            self.n_elements in (None, len(composition))
            and self.required <= symbols
            and all(map(self.permits, symbols))
            and self.ratio in (None, tuple(sorted(count for _, count in composition)))
        )

    def as_dict(self) -> dict[str, object]:
        """The constraints that were set, as plain values."""
        return {
            "elements": None if self.allowed is None else sorted(self.allowed, key=atomic_number),
            "require": sorted(self.required, key=atomic_number),
            "exclude": sorted(self.forbidden, key=atomic_number),
            "ratio": None if self.ratio is None else self.ratio_text,
            "n_elements": self.n_elements,
        }


_NONE = Constraints()


def _symbols(written: str | Iterable[str] | None) -> frozenset[str]:
    if isinstance(written, str):
        written = written.replace(",", " ").split()
    return frozenset(str(getattr(symbol, "symbol", symbol)) for symbol in written or ())  # pymatgen's Element has a symbol


def _parse_ratio(ratio: str | tuple[int, ...] | None) -> tuple[int, ...] | None:
    if ratio is None:
        return None
    try:
        counts = tuple(int(part) for part in ratio.split(":")) if isinstance(ratio, str) else tuple(ratio)
    except (TypeError, ValueError):
        counts = ()
    if not counts or min(counts) < 1:
        raise ConstraintError(f"'{ratio}' is not a ratio; write whole numbers with colons, as in 3:1")
    divisor = math.gcd(*counts)
    return tuple(sorted(count // divisor for count in counts))
