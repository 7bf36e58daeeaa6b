"""Everything dosmith raises on purpose.

DosmithError                something the user can put right; the message is one line and says how
├── FormulaError            text that is not a chemical formula, or an element that does not exist
├── SpectrumError           a curve that cannot be used as a density of states
├── FileFormatError         a file that cannot be read as one
├── NotFoundError           a formula, id, model or file that is not there
├── LibraryError            a store of materials that is damaged, locked or of another version
├── ModelError              a checkpoint that is damaged, of another version, or asked for what it cannot do
├── ConstraintError         a set of constraints that no composition satisfies
├── OptionError             an option that what was asked cannot honour
├── EngineError             a density-functional program is missing, does not know an element or did not converge
├── SettingsError           an unknown or impossible setting
└── MissingExtraError       an optional dependency that is not installed
"""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 1000


class DosmithError(Exception):
    """Base of all errors a person can put right. `str(error)` is one helpful line, whatever a file or a server put into it."""

    def __init__(self, message: object = "") -> None:
        line = "".join(c if c.isprintable() else "?" for c in " ".join(str(message).split()))
        if len(line) > _LONGEST:  # what is wrong stands in front, what to do at the end
            line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 3 :]}"
        super().__init__(line)


def did_you_mean(word: str, words: Iterable[str], sign: str = "'") -> str:
    """What may have been meant, to stand at the end of a message: "; did you mean 'cosine'?", or nothing.

    Args:
        word: what was written.
        words: what could have been.
        sign: put around each.
    """
    from difflib import get_close_matches

    plain = {each.lower(): each for each in reversed(list(words))}
    near = [plain[each] for each in get_close_matches(word.lower(), plain, n=3, cutoff=0.6)]
    return f"; did you mean {' or '.join(f'{sign}{each}{sign}' for each in near)}?" if near else ""


class FormulaError(DosmithError):
    """The text is not a chemical formula dosmith knows."""


class SpectrumError(DosmithError):
    """The curve cannot be used as a density of states."""


class FileFormatError(DosmithError):
    """The file cannot be read as a density of states."""


class NotFoundError(DosmithError):
    """What was asked for is not there."""


class LibraryError(DosmithError):
    """A store of materials is damaged, locked or from another version."""


class ModelError(DosmithError):
    """A checkpoint is damaged, from another version, or asked for what it cannot do."""


class ConstraintError(DosmithError):
    """No composition satisfies the constraints."""


class OptionError(DosmithError):
    """An option does not apply to what was asked, and would otherwise be ignored."""


class EngineError(DosmithError):
    """A density-functional program is missing, does not know an element, or did not converge."""


class SettingsError(DosmithError):
    """A setting is unknown or has an impossible value."""


class MissingExtraError(DosmithError):
    """An optional dependency is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an extra: pip install 'dosmith[{extra}]'")
        self.extra = extra
