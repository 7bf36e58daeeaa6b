"""Commands and options by purpose, and how `--help` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

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
OPTIONS = {
    "Which candidates": (
        "--top --crystal-system --elements --require --exclude --n-elements --ratio --formula --space-group --prototype --gap --above-hull"
        " --price --avoid --keep --atlas"
    ),
    "In which order": "--rank-by --real --variety",
    "What counts as similar": "--window --metric --count --project --spin",
    "How the target is read": "--fermi --electrons --broadening --zero",
    "What is shown, and where": "--stability --out --format",
}
"""Purpose -> options; all others come last."""
MANY = 12
"""Options that are grouped by purpose when a command has more of them."""
EXAMPLES_OF = {
    "design": (
        ("dosmith design Pt3Ni --elements Ni,Co,Fe,Pd", "Which of these elements can replace platinum?"),
        ("dosmith design vasprun.xml --project Pt:d", "Which have platinum d states like those in my calculation?"),
    ),
    "similar": (
        ("dosmith similar Pt3Ni --top 20", "Which twenty known materials are most like Pt3Ni?"),
        ("dosmith similar vasprun.xml --window -3:1", "Which are like my calculation around the Fermi level?"),
    ),
}


class ByPurpose(TyperCommand):
    """A command whose options, where they are many, are grouped by purpose, with examples."""

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The groups, and examples where the command has some."""
        if len(self.params) <= MANY:
            super().format_options(ctx, formatter)
        else:
            purpose_of = {option: purpose for purpose, options in OPTIONS.items() for option in options.split()}
            rows: dict[str, list[tuple[str, str]]] = {purpose: [] for purpose in ("Arguments", *OPTIONS, "Options")}
            for parameter in self.get_params(ctx):
                if record := parameter.get_help_record(ctx):
                    is_argument = parameter.param_type_name == "argument"
                    rows["Arguments" if is_argument else purpose_of.get(parameter.opts[0], "Options")].append(record)
            for purpose, found in rows.items():
                if found:
                    with formatter.section(purpose):
                        formatter.write_dl(found)
        if self.name in EXAMPLES_OF:
            with formatter.section("Examples"):
                formatter.write_dl(EXAMPLES_OF[self.name], col_max=46)


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
