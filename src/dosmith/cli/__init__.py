"""The command line: argument parsing only. What a command does is in the modules it imports when it runs."""

from __future__ import annotations

import gc
import io
import os
import re
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from dosmith.cli.groups import ByPurpose, Purposes
from dosmith.errors import DosmithError
from dosmith.processes import Terminated, tidy_on_termination
from dosmith.version import __version__

_INTERRUPTED = 130
"""The exit code of what Ctrl-C ended."""
_OBJECTS = 50_000
"""New objects after which Python looks for garbage: its own 700 cost a tenth of the time that a design takes."""
_COMMANDS: dict[str, tuple[str, str]] = {
    "": (
        "",
        "answers:design answers:similar answers:show answers:predict web:web models:train models:benchmark dft:compute"
        " crystals:crystals crystals:stability verify:verify hydrogen:hydrogen",
    ),
    "data": (
        "Densities of states: the included set and your own library.",
        "data:info library:add library:list_ library:export library:verify library:remove data:build_open_set data:plan data:survey data:generate",
    ),
    "data fetch": ("Fetch densities of states from a database into your own library.", "fetch:mp fetch:jarvis"),
    "atlas": (
        "Crystal lists of your own, searched for a DOS like the one that comes with dosmith.",
        "atlas:add atlas:list_ atlas:info atlas:export atlas:remove",
    ),
    "model": ("What a trained model is and how good it is.", "models:info models:candidates models:project"),
}
"""Group -> its help, and module and function of its commands, in the order of the help; a group within another one comes after it."""


def program(called: str | None = None) -> typer.Typer:
    """The command line.

    Args:
        called: the command or group that will run; the others are then left out, unless there is none of that name: to make them all takes
            longer than many a command.
    """
    app = typer.Typer(
        name="dosmith",
        cls=Purposes,
        help="From an electronic density of states (DOS) to the materials that have it.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help needs no Rich, so it is instant
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    groups = {"": app}
    paths = {f"{group} {_name_of(place)}".strip(): place for group, (_, places) in _COMMANDS.items() for place in places.split()}
    first = {path.split()[0] for path in paths}
    for group, (text, _) in _COMMANDS.items():
        if group and (called not in first or group.split()[0] == called):
            groups[group] = typer.Typer(name=group.split()[-1], help=text, no_args_is_help=True)
            groups[group.rpartition(" ")[0]].add_typer(groups[group])
    for path, place in paths.items():
        if called not in first or path.split()[0] == called:
            module, _, function = place.partition(":")
            command = getattr(import_module(f"dosmith.cli.{module}"), function)
            groups[path.rpartition(" ")[0]].command(_name_of(place), cls=ByPurpose)(command)
    return app


def _name_of(place: str) -> str:
    return place.partition(":")[2].strip("_").replace("_", "-")


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    settings: Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="TOML file with settings.")] = None,
) -> None:
    if settings is not None:  # a bad file is told whatever the command
        from dosmith.settings import load_settings

        context.obj = load_settings(settings)
    if version:
        typer.echo(f"dosmith {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; what a person can put right is one line on stderr and exit code 2."""
    gc.set_threshold(_OBJECTS)
    os.environ.setdefault(
        "PYDANTIC_DISABLE_PLUGINS", "__all__"
    )  # settings need none, and to look for some takes longer than to read them
    _open_streams()
    tidy_on_termination()
    if not sys.warnoptions:  # -W and PYTHONWARNINGS
        warnings.simplefilter("ignore")  # what other packages tell programmers
    try:
        code: Any = program(sys.argv[1] if len(sys.argv) > 1 else None)(standalone_mode=False, prog_name="dosmith")
    except DosmithError as error:
        code = _complain(str(error))
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; nobody to tell
        code = 0
    except OSError as error:  # a full disk, a folder that may not be written, where no reader or writer says more
        place = f" {error.filename}" if error.filename else ""
        code = _complain(f"cannot read or write{place} ({error.strerror or error}); free space, or choose another place")
    except typer.Abort:
        code = _INTERRUPTED
    except Terminated as end:
        code = _complain(f"ended by {end.name}", end.code)
    except Exception as error:  # Typer's usage errors have no public base class; anything else is a bug and shows its trace
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            code = 0
        else:
            code = _complain(_usage(error.format_message(), getattr(error, "ctx", None)))
    if code == _INTERRUPTED:  # Typer makes a code of Ctrl-C
        _complain("interrupted")
    sys.exit(code if isinstance(code, int) else 0)


def _usage(message: str, context: Any) -> str:
    """One line for what was wrong in a command line, with the help that tells how it should be."""
    message = message.rstrip(" .").replace("Value error, ", "")
    option = re.search(r"\(Possible options?: (.*)\)$", message)
    if option:
        from difflib import get_close_matches

        message, options = message[: option.start()].rstrip(), option[1].split(", ")
        near = get_close_matches(message.split()[-1], options, n=2, cutoff=0.8) or options
        message = f"{message}. Did you mean {' or '.join(near)}?"
    end = "" if message.endswith(("?", "!")) else "."
    return f"{message}{end} See '{context.command_path if context is not None else 'dosmith'} --help'."


def _open_streams() -> None:
    """Standard input, output and errors as texts that take any name of a file; what is closed must not become a file of ours."""
    for number, mode in ((0, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free: this one, as lower ones are open by now
    if sys.stdout is None:
        os.open(os.devnull, os.O_WRONLY)
        sys.exit(_complain("standard output is closed, so the answer would be lost; send it to a file or to /dev/null"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be text
            stream.reconfigure(errors="replace")


def _complain(message: str, code: int = 2) -> int:
    if sys.stderr is not None:
        print(f"dosmith: {' '.join(message.split())}", file=sys.stderr)
    return code
