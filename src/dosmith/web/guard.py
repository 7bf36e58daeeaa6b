"""What stands before every request: who may ask, how much they may send, and what a browser may do with the answers."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "dosmith_token"
SMALL = 2 * 2**20
"""Bytes of a request that is no upload, at most."""
SMALL_SECONDS = 10.0
"""Within which it must have arrived."""
HELD = 64 * 2**20
"""Bytes of such requests that are under way, at most."""
ADDRESS = 8 * 2**10
"""Characters of an address, at most; a longer one can take minutes to look up."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses strangers: other Host names (DNS rebinding), other origins, requests without the token; and what is too much.

    Args:
        app: what is guarded.
        hosts: names under which the board is reached, without port; None for any.
        token: that everybody must know, or None.
        uploads: path -> bytes allowed in its body; all others `SMALL`.
        turns: uploads that are sent and worked on at a time: the others wait before any of theirs is read.
        waiting: uploads that may wait.
        seconds: within which an upload must have arrived once it is its turn.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str] | None = LOCAL,
        token: str | None = None,
        uploads: Mapping[str, int] | None = None,
        turns: int = 2,
        waiting: int = 16,
        seconds: float = 60.0,
    ) -> None:
        self.app, self.hosts, self.token, self.uploads = app, hosts, token, uploads or {}
        self._seconds, self._turns, self._places = seconds, asyncio.Semaphore(turns), turns + waiting
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store" if scope["path"].startswith("/api/") else "no-cache")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, headed)
        elif scope["path"] in self.uploads:
            await self._upload(scope, receive, headed)
        else:
            await self._small(scope, receive, headed)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._places:
            await _busy("too many files are being sent; send yours again in a moment")(scope, receive, send)
            return
        self._places -= 1
        try:
            async with self._turns:
                await self._passed(scope, receive, send, self._seconds)
        finally:
            self._places += 1

    async def _small(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = _stated(scope)
        if self._held + size > HELD:
            await _busy("too much is being sent; ask again in a moment")(scope, receive, send)
            return
        self._held += size
        try:
            await self._passed(scope, receive, send, SMALL_SECONDS)
        finally:
            self._held -= size

    async def _passed(self, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
        """The request goes on with its whole body, if that comes in time and is not too large."""
        try:
            async with asyncio.timeout(seconds):
                body = await self._body(scope, receive)
        except TimeoutError:
            await _problem(408, f"what was sent did not arrive within {seconds:g} s")(scope, receive, send)
            return
        if body is None:
            mebibytes = self._allowed(scope) / 2**20
            problem = _problem(413, f"that is more than {mebibytes:g} MiB; send less, or raise web.upload_mebibytes")
            await problem(scope, receive, send)
            return
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if len(scope["path"]) + len(scope["query_string"]) > ADDRESS:
            return _problem(414, f"that is an address of more than {ADDRESS:,} characters; send less")
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers:  # a body in pieces of a byte takes a thousand times its share of the server
            return _problem(411, "say how much you send (Content-Length)", {"Connection": "close"})
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return _problem(403, f"the board does not answer to the name '{host[:80]}'; open the address that it printed")
        origin = headers.get("origin")
        if origin is not None and _place(origin) != host:
            return _problem(403, "another page may not use the board")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/":
            return _problem(403, "another page may not use the board")
        return None if self.token is None else self._token_refusal(scope, headers)

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        assert self.token is not None
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        name, value = _cookie_name(headers.get("host", "")), hashlib.sha256(self.token.encode("utf-8", "replace")).hexdigest()
        if scope["path"] == "/" and any(key == "token" and _same(given, self.token) for key, given in asked):
            rest = urlencode([(key, given) for key, given in asked if key != "token"])
            answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)
            # Lax: a link in another program opens the board; requests of other pages are refused by their origin.
            answer.set_cookie(name, value, httponly=True, samesite="lax", secure=scope.get("scheme") == "https")
            return answer
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if _same(bearer, self.token) or any(_same(each, value) for each in _cookies(headers, name)):
            return None
        return _problem(401, "the board asks for its token; open the address that it printed, with ?token=...")

    def _allowed(self, scope: Scope) -> int:
        return self.uploads.get(scope["path"], SMALL)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body, None where it is too large."""
        if _stated(scope) > self._allowed(scope):
            return None
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b""  # gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._allowed(scope):
                return None
            if not message.get("more_body"):
                return b"".join(parts)


def _name(host: str) -> str:
    """A Host header without its port."""
    return host.rsplit(":", 1)[0] if not host.endswith("]") and ":" in host else host


def _stated(scope: Scope) -> int:
    """Bytes of the body, as the client says; the server holds it to that."""
    stated = Headers(scope=scope).get("content-length", "0")
    return int(stated) if stated.isdecimal() and len(stated) < 20 else 0


def _cookie_name(host: str) -> str:
    """Browsers share cookies among all ports of a machine; each board has its own."""
    port = host.rpartition(":")[2]
    return f"{COOKIE}_{port}" if port.isdecimal() else COOKIE


def _cookies(headers: Headers, name: str) -> list[str]:
    """Values of a cookie; cookies of other programs may look as they like."""
    pairs = (pair.partition("=") for line in headers.getlist("cookie") for pair in line.split(";"))
    return [value.strip().strip('"') for key, _, value in pairs if key.strip() == name]


def _place(origin: str) -> str | None:
    """Host and port of an Origin header; None for one that cannot be read."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # as of http://[
        return None


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"message": message}, status, headers)


def _busy(message: str) -> Response:
    return _problem(429, message, {"Retry-After": "1"})
