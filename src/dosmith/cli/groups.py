"""The commands by purpose, and how `dosmith --help` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

PURPOSES = {
    "Find materials": ("design", "similar", "web"),
    "Look at a DOS, known or predicted": ("show", "predict"),
    "Crystals and their stability": ("crystals", "stability", "hydrogen"),
    "Compute by density-functional theory": ("compute", "verify"),
    "Data and models": ("data", "atlas", "model", "train", "benchmark"),
}
"""Purpose -> commands; each command of the program stands in one of them."""
EXAMPLES = (
    ("dosmith design Pt3Ni", "Which materials have the DOS of Pt3Ni?"),
    (
        "dosmith design vasprun.xml --out answer",
        "Which have the DOS of my own calculation? Report and crystals go to the folder answer.",
    ),
)


class Purposes(TyperGroup):
    """The whole program, its commands grouped by purpose."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The groups, each command with the whole first sentence of its help, and two examples."""
        for purpose, names in PURPOSES.items():
            rows = [(name, self.commands[name].get_short_help_str(limit=1000)) for name in names]
            with formatter.section(purpose):
                formatter.write_dl(rows)
        with formatter.section("Examples"):
            formatter.write_dl(EXAMPLES, col_max=42)
        with formatter.section("More"):
            formatter.write_text(
                "dosmith COMMAND --help tells the options of a command, dosmith data --help the commands about data."
            )
