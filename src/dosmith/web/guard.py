"""What stands before every request: who may ask, how much they may send, and what a browser may do with the answers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "dosmith_token"
SMALL = 2 * 2**20
"""Bytes of a request that is no upload, at most."""
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
    """Refuses strangers: other Host names (DNS rebinding), other origins, requests without the token; and what is too large.

    Args:
        app: what is guarded.
        hosts: names under which the board is reached, without port; None for any.
        token: that everybody must know, or None.
        uploads: path -> bytes allowed in its body; all others `SMALL`.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str] | None = LOCAL, token: str | None = None, uploads: dict[str, int] | None = None
    ) -> None:
        self.app, self.hosts, self.token, self.uploads = app, hosts, token, uploads or {}

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
            return
        body = await self._body(scope, receive)
        if body is None:
            mebibytes = self._allowed(scope) / 2**20
            await _problem(413, f"that is more than {mebibytes:g} MiB; send less, or raise web.upload_mebibytes")(
                scope, receive, headed
            )
            return
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, headed)

    def _refusal(self, scope: Scope) -> Response | None:
        if len(scope["path"]) + len(scope["query_string"]) > ADDRESS:
            return _problem(414, f"that is an address of more than {ADDRESS:,} characters; send less")
        headers = Headers(scope=scope)
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
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and _same(given, self.token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", secure=scope.get("scheme") == "https")
            return answer
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        if _same(bearer, self.token) or (cookie is not None and _same(cookie.value, self.token)):
            return None
        return _problem(401, "the board asks for its token; open the address that it printed, with ?token=...")

    def _allowed(self, scope: Scope) -> int:
        return self.uploads.get(scope["path"], SMALL)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body, None where it is too large."""
        stated = Headers(scope=scope).get("content-length", "0")
        if stated.isdigit() and int(stated) > self._allowed(scope):
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


def _place(origin: str) -> str | None:
    """Host and port of an Origin header; None for one that cannot be read."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # as of http://[
        return None


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
