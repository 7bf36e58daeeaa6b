"""The drawing board: web."""

from __future__ import annotations

import html
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from dosmith.cli.options import LibraryOption, ModelOption, designer_for, new_console, settings_of
from dosmith.errors import DosmithError, MissingExtraError

if TYPE_CHECKING:
    import socket

    from rich.console import Console

TOKEN_VARIABLE = "DOSMITH_TOKEN"  # as in settings.py, which is slow to import
LOCAL = ("127.0.0.1", "localhost", "::1")
HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine, and how addresses write them."""


def web(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Other addresses let other machines in; they need a token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar=TOKEN_VARIABLE,
            show_envvar=False,
            help=f"Secret that every visitor must know. Better set ${TOKEN_VARIABLE}, which other users cannot see. If not given,"
            " one is made up; '' asks for none, on this machine only.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    jobs: Annotated[Path | None, typer.Option("--jobs", metavar="DIR", help="Folder of background calculations.")] = None,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """Open the drawing board: bend a DOS with the mouse and watch the materials change. Needs dosmith[web]."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # answers have lanes; threads of one answer would wait for each other
    try:
        from dosmith.web.app import create_app
        from dosmith.web.server import serve
    except ImportError:
        raise MissingExtraError("the drawing board", "web") from None
    console, local = new_console(), host in LOCAL
    if token == "" and not local:
        raise DosmithError(f"other machines reach {host}, so the board needs a token; leave --token away and one is made up")
    if token is None:
        token = secrets.token_urlsafe(18)
    settings = settings_of(context)
    app = create_app(settings, designer_for(context, model, library), jobs, None if not local else HOSTS, token or None)
    listening = _listen(host, port)
    entrance = f":{listening.getsockname()[1]}/" + (f"?token={quote(token, safe='')}" if token else "")
    if not local:
        console.print(
            f"Listening on {host}: every machine that reaches this address and knows the token below can draw, upload files to this"
            " machine and start calculations on it. Nothing is encrypted; over a network you do not trust, leave --host away and use"
            " ssh -L 8765:127.0.0.1:8765 instead.",
            highlight=False,
        )
        _say(console, f"From other machines: http://{_name_for_others(host)}{entrance}")
    elif not token:
        _say(console, "Without a token every user of this machine can draw, upload files and start calculations in your name.")
    address = f"http://{_here(host)}{entrance}"
    _say(console, f"The drawing board: {address}  (Ctrl-C ends it)")
    with ExitStack() as opened:
        if browser:
            opened.enter_context(_browser(address))
        serve(app, listening, settings.web.connections)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _here(host: str) -> str:
    """How this machine writes its own address."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"
    return f"[{host}]" if ":" in host else host


def _name_for_others(host: str) -> str:
    """How other machines may write it: the address by which this machine reaches the network, else its name."""
    import socket

    if host not in ("0.0.0.0", "::"):
        return _here(host)
    family, beyond = (socket.AF_INET, "192.0.2.1") if host == "0.0.0.0" else (socket.AF_INET6, "2001:db8::1")  # of documentation
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((beyond, 9))  # sends nothing
            found = str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
    return f"[{found}]" if ":" in found else found


@contextmanager
def _browser(address: str) -> Iterator[None]:
    """Open a page in the browser by way of a file that only this user reads: what a program is started with, every user sees."""
    import threading
    import webbrowser

    from platformdirs import user_data_path

    folder = user_data_path("dosmith")
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("drawing-board-*.html"):  # of boards that were killed; a browser needs such a file for a moment
        if time.time() - left.stat().st_mtime > 60:
            left.unlink(missing_ok=True)
    number, name = tempfile.mkstemp(".html", "drawing-board-", folder)  # mode 600
    with open(number, "w", encoding="utf-8") as file:
        file.write(
            f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(address)}"><p>Opening the drawing board.'
        )
    later = threading.Timer(1.0, webbrowser.open, [Path(name).as_uri()])
    later.start()
    try:
        yield
    finally:
        later.cancel()
        Path(name).unlink(missing_ok=True)


def _listen(host: str, port: int) -> socket.socket:
    import socket

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sends at once only where TCP is named
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)  # who comes before the board is ready waits
    except OSError as error:
        raise DosmithError(f"cannot listen on {host} port {port} ({error.strerror}); choose another with --port") from None
    return listening
