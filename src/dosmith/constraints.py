"""What a composition and its crystal must and must not be; applied inside the search, never after it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dosmith.errors import ConstraintError
from dosmith.formulas import Composition, atomic_number, parse, write

_CONDITION = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*")
_COMPARE: Mapping[str, Callable[[Any, float], Any]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
MERITS = (
    "similarity",
    "probability",
    "p_match",
    "p_exists",
    "formation_energy",
    "above_hull",
    "dft_formation_energy",
    "dft_above_hull",
    "price",
    "abundance",
    "production",
    "reserves",
    "supply_risk",
    "gap",
    "band_centre",
    "dos_at_fermi",
    "d_band_centre",
    "d_band_width",
    "d_band_filling",
    "d_band_upper_edge",
    "d_band_skewness",
    "d_band_kurtosis",
    "p_band_centre",
    "spin_polarisation",
    "half_metallic_gap",
)
"""What can be bounded before the search; `choosing.Merits` says what each is."""
_ANONYMOUS = re.compile(r"A(\d*)(?:B(\d*)(?:C(\d*)(?:D(\d*)(?:E(\d*))?)?)?)?")


@dataclass(frozen=True)
class Condition:
    """A bound on a merit; what is unknown does not fulfil it."""

    name: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that a text such as ``price<5000`` states.

        Args:
            text: as people write it.

        Raises:
            ConstraintError: it is none.
        """
        match = _CONDITION.fullmatch(text)
        if match is None or match[1] not in MERITS:
            raise ConstraintError(f"'{text}' is no condition; write one as price<5000 with one of {', '.join(MERITS)}")
        return cls(match[1], match[2], float(match[3]))

    def holds(self, value: Any) -> Any:
        """Whether a value fulfils it, or which values of an array do; NaN, which is unknown, does not."""
        return _COMPARE[self.sign](value, self.bound)

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.bound:g}"


@dataclass(frozen=True)
class Constraints:
    """Constraints on a composition, and on the crystal in which it is proposed.

    Attributes:
        allowed: only these elements; None for all.
        required: each of these must be in it.
        forbidden: none of these.
        ratio: its counts in any order, such as (1, 3); None for all.
        n_elements: how many elements; None leaves it to the model.
        composition: the only one; None for all.
        space_group: number of the crystal's space group; None for all.
        prototype: name of its prototype; None for all.
        conditions: bounds on its merits; all must hold.
    """

    allowed: frozenset[str] | None = None
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    ratio: tuple[int, ...] | None = None
    n_elements: int | None = None
    composition: Composition | None = None
    space_group: int | None = None
    prototype: str | None = None
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        elements: str | Iterable[str] | None = None,
        require: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        ratio: str | tuple[int, ...] | None = None,
        n_elements: int | None = None,
        formula: str | None = None,
        space_group: str | int | None = None,
        prototype: str | None = None,
        keep: str | Iterable[str] | None = None,
    ) -> Constraints:
        """Constraints from what people write: element symbols, as a list or as in ``Pt,Ni``, and a ratio such as ``3:1``.

        >>> constraints = Constraints.of(elements="Pt,Ni,Co", exclude="Co", ratio="3:1")
        >>> constraints.admit((("Ni", 1), ("Pt", 3))), constraints.admit((("Ni", 1), ("Pt", 1)))
        (True, False)
        >>> Constraints.of(formula="A2BC").ratio, Constraints.of(formula="MgO").composition
        ((1, 1, 2), (('O', 1), ('Mg', 1)))

        Args:
            elements: only these may take part.
            require: each of these must.
            exclude: none of these may.
            ratio: counts in any order.
            n_elements: how many elements.
            formula: of letters A, B, C ... that stand for any elements, as in A2BC; or of elements, for that very composition.
            space_group: number or Hermann-Mauguin symbol.
            prototype: name, as L1_2.
            keep: conditions such as ``price<5000``.

        Raises:
            FormulaError: a symbol names no element.
            ConstraintError: one of them is not what it should be, or they contradict each other.
        """
        allowed, counts, composition = None if elements is None else _symbols(elements), _parse_ratio(ratio), None
        if formula is not None:
            counts, composition = _of_formula(formula, counts)
        made = cls(
            allowed,
            _symbols(require),
            _symbols(exclude),
            counts,
            n_elements,
            composition,
            None if space_group is None else _space_group(space_group),
            prototype,
            tuple(Condition.parse(text) for text in ([keep] if isinstance(keep, str) else keep or ())),
        )
        made._check()
        return made

    def alone(self) -> Iterator[tuple[str, Constraints]]:
        """Each constraint that was set, by the name of its option, without the others."""
        names = {
            "allowed": "--elements",
            "required": "--require",
            "forbidden": "--exclude",
            "ratio": "--ratio",
            "n_elements": "--n-elements",
            "composition": "--formula",
            "space_group": "--space-group",
            "prototype": "--prototype",
        }
        for name, option in names.items():
            if getattr(self, name) != getattr(_NONE, name):
                yield option, Constraints(**{name: getattr(self, name)})
        for condition in self.conditions:
            yield f"'{condition}'", Constraints(conditions=(condition,))

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
        if self.composition is not None and not self.admit(self.composition):
            raise ConstraintError(
                f"{write(self.composition)} itself does not satisfy the other constraints; leave one of them out"
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

    @cached_property
    def _free(self) -> bool:
        return self == _NONE

    def admit(self, composition: Composition) -> bool:
        """Whether a composition satisfies all that are on compositions."""
        if self._free:
            return True
        symbols = {symbol for symbol, _ in composition}
        return (
            self.n_elements in (None, len(composition))
            and self.required <= symbols
            and all(map(self.permits, symbols))
            and self.ratio in (None, tuple(sorted(count for _, count in composition)))
            and self.composition in (None, composition)
        )

    def as_dict(self) -> dict[str, object]:
        """The constraints that were set, as plain values."""
        return {
            "elements": None if self.allowed is None else sorted(self.allowed, key=atomic_number),
            "require": sorted(self.required, key=atomic_number),
            "exclude": sorted(self.forbidden, key=atomic_number),
            "ratio": None if self.ratio is None else self.ratio_text,
            "n_elements": self.n_elements,
            "formula": None if self.composition is None else write(self.composition),
            "space_group": self.space_group,
            "prototype": self.prototype,
            "keep": [str(condition) for condition in self.conditions],
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


def _of_formula(formula: str, counts: tuple[int, ...] | None) -> tuple[tuple[int, ...] | None, Composition | None]:
    """Ratio and composition that a formula asks for."""
    match = _ANONYMOUS.fullmatch(formula.strip())
    if match is None:
        return counts, parse(formula)
    letters = formula.strip().replace("0", "")
    wanted = _parse_ratio(tuple(int(count or 1) for count in match.groups()[: sum(letter in letters for letter in "ABCDE")]))
    if counts not in (None, wanted):
        raise ConstraintError(f"the formula {formula} and the ratio contradict each other; leave one out")
    return wanted, None


def _space_group(text: str | int) -> int:
    """The number of a space group.

    Raises:
        ConstraintError: there is none of that name.
    """
    from dosmith.symmetry import number_of

    number = number_of(str(text))
    if number is None:
        raise ConstraintError(f"'{text}' is no space group; give a number of 1 to 230, or a symbol such as Fm-3m or P6_3/mmc")
    return number
