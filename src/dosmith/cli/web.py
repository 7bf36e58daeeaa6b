"""The drawing board: web."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dosmith.cli.options import LibraryOption, ModelOption, designer_for, new_console, settings_of
from dosmith.errors import DosmithError, MissingExtraError

if TYPE_CHECKING:
    import socket

LOCAL = ("127.0.0.1", "localhost", "::1")
HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine, and how addresses write them."""


def web(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Other addresses let other machines in; they need a token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None, typer.Option("--token", envvar="DOSMITH_TOKEN", help="That every visitor must know; made up when not given.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    jobs: Annotated[Path | None, typer.Option("--jobs", metavar="DIR", help="Folder of background calculations.")] = None,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """Open the drawing board: bend a DOS with the mouse and watch the materials change. Needs dosmith[web]."""
    try:
        import uvicorn

        from dosmith.web.app import create_app
    except ImportError:
        raise MissingExtraError("the drawing board", "web") from None
    console, local = new_console(), host in LOCAL
    if not local and not token:
        token = secrets.token_urlsafe(18)
    app = create_app(settings_of(context), designer_for(context, model, library), jobs, None if not local else HOSTS, token)
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
    address = f"http://{shown}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
    if not local:
        console.print(
            f"Listening on {host}: every machine that reaches this address and knows the token below can draw, upload files to this"
            " machine and start calculations on it. Nothing is encrypted; over a network you do not trust, leave --host away and use"
            " ssh -L 8765:127.0.0.1:8765 instead.",
            highlight=False,
        )
    console.print(f"The drawing board: {address}  (Ctrl-C ends it)", highlight=False, markup=False, soft_wrap=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=2))
    if browser:
        import threading
        import webbrowser

        threading.Timer(1.0, webbrowser.open, [address]).start()
    server.run(sockets=[listening])


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
