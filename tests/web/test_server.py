"""Connections that dawdle, send too much at once, or ask too much: bounded, and never at the cost of others."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from dosmith import Designer, Settings
from dosmith.web import guard, lanes, server
from dosmith.web.app import create_app
from dosmith.web.lanes import BusyError, Lane


class Board:
    """A board on a port of its own."""

    def __init__(self, app: FastAPI) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.server = server.uvicorn.Server(
            server.uvicorn.Config(app, http=server.Connection, log_level="critical", limit_concurrency=64)
        )
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._listening]}, daemon=True)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, "", ""]).encode()

    def ask(self, path: str = "/api/jobs") -> int:
        with self.connect() as connection:
            connection.sendall(self.head("GET", path, "Connection: close"))
            return status(connection)


def status(connection: socket.socket) -> int:
    """Of the answer, which is read to its end; 0 where the connection was closed without one."""
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        answer.read()  # or its rest would be taken for the next one's beginning
    except ConnectionError:
        return 0
    return answer.status


def keep_sending(connection: socket.socket, content: bytes, pause: float) -> None:
    """For half a minute, if the other side lets us."""
    for _ in range(round(30 / pause)):
        connection.sendall(content)
        time.sleep(pause)


@pytest.fixture(scope="module")
def board(designer: Designer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "HEADERS_SECONDS", 1.0)
        patch.setattr(guard, "SMALL_SECONDS", 1.0)
        limits = {"upload_mebibytes": 2, "upload_seconds": 3.0, "readers": 1, "uploads_waiting": 1}
        board = Board(create_app(Settings.model_validate({"web": limits}), designer, tmp_path_factory.mktemp("jobs")))
        board.thread.start()
        while not board.server.started:
            time.sleep(0.05)
        yield board
        board.server.should_exit = True
        board.thread.join(60)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_headers_that_do_not_come_close_the_connection(board: Board, sent: bytes) -> None:
    with board.connect() as connection:
        connection.sendall(sent)
        assert status(connection) == 0
    assert board.ask() == 200


def test_headers_in_single_bytes_do_not_keep_a_connection(board: Board) -> None:
    with board.connect() as connection, pytest.raises(ConnectionError):
        keep_sending(connection, b"x", 0.05)
    assert board.ask() == 200


def test_a_connection_that_was_answered_may_ask_again_but_not_idle(board: Board) -> None:
    with board.connect() as connection:
        for _ in range(3):
            connection.sendall(board.head("GET", "/api/jobs"))
            assert status(connection) == 200
            time.sleep(0.3)
        connection.sendall(b"G")  # and never the rest
        assert status(connection) == 0


def test_a_body_that_does_not_come_is_not_waited_for(board: Board) -> None:
    with board.connect() as connection:
        connection.sendall(board.head("POST", "/api/answer", "Content-Length: 100") + b"{")
        assert status(connection) == 408


def test_bodies_of_no_stated_size_are_refused(board: Board) -> None:
    with board.connect() as connection:
        connection.sendall(board.head("POST", "/api/target/file", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 10_000)
        assert status(connection) == 411
    assert board.ask() == 200


def test_files_are_sent_in_turns_and_too_many_are_told(board: Board) -> None:
    head = board.head("POST", "/api/target/file", f"Content-Length: {2**20}")
    connections = [board.connect() for _ in range(6)]
    for connection in connections:
        connection.sendall(head + b"0")
        time.sleep(0.1)
    answers = [status(connection) for connection in connections]
    assert answers == [408, 408, 429, 429, 429, 429]  # one is sent, one waits; neither sends all in time
    assert board.ask() == 200
    for connection in connections:
        connection.close()


def test_small_bodies_are_bounded_together(board: Board) -> None:
    size = 2 * 2**20
    head = board.head("POST", "/api/answer", f"Content-Length: {size}")
    connections = [board.connect() for _ in range(guard.HELD // size + 2)]
    for connection in connections:
        connection.sendall(head)
    answers = [status(connection) for connection in connections]
    assert sorted(set(answers)) == [408, 429] and answers.count(429) == 2
    for connection in connections:
        connection.close()


def test_more_connections_than_allowed_are_told(board: Board) -> None:
    connections = [board.connect() for _ in range(80)]
    assert board.ask() == 503
    for connection in connections:
        connection.close()
    limit = time.monotonic() + 30
    while board.ask() != 200 and time.monotonic() < limit:
        time.sleep(0.1)
    assert board.ask() == 200


def test_an_answer_that_nobody_takes_is_given_up(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TAKING_SECONDS", 0.5)
    with board.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wanted = board.head("GET", "/api/openapi.json") * 200
        with pytest.raises(ConnectionError):
            keep_sending(connection, wanted, 0.25)
    assert board.ask() == 200


def test_a_lane_answers_in_order_and_refuses_what_is_too_much() -> None:
    async def crowd() -> list[object]:
        lane, order = Lane("answers", 1, 3), []
        gate = threading.Event()

        def answer(number: int) -> int:
            gate.wait(30)
            order.append(number)
            return number * number

        asked = [asyncio.create_task(lane(answer, number)) for number in range(6)]
        await asyncio.sleep(0.1)
        gate.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert order == [0, 1, 2, 3] and await lane(answer, 7) == 49
        lane.close()
        return found

    found = asyncio.run(crowd())
    assert found[:4] == [0, 1, 4, 9]
    assert all(isinstance(each, BusyError) and "answers" in str(each) for each in found[4:])


def test_answers_give_way_to_look_ups_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def beside(patience: float) -> list[str]:
        monkeypatch.setattr(lanes, "PATIENCE", patience)
        look_up = Lane("look-ups", 2, 3)
        quick, order, gate = Lane("answers", 1, 3, after=look_up), [], threading.Event()

        def looked_up() -> None:
            gate.wait(30)
            order.append("look-up")

        def answered() -> None:
            order.append("answer")
            gate.set()

        looking = asyncio.create_task(look_up(looked_up))
        await asyncio.sleep(0)  # it is under way
        asked = asyncio.create_task(quick(answered))
        if patience > 30:
            await asyncio.sleep(0.1)
            gate.set()
        await asyncio.gather(looking, asked)
        await quick(order.append, "another")  # nothing is under way any more
        for lane in (quick, look_up):
            lane.close()
        return order

    assert asyncio.run(beside(100.0)) == ["look-up", "answer", "another"]
    assert asyncio.run(beside(0.05)) == ["answer", "look-up", "another"]


def test_a_lane_passes_failures_on() -> None:
    async def fail() -> None:
        await Lane("answers", 1, 0)(json.loads, "{")

    with pytest.raises(ValueError, match="Expecting"):
        asyncio.run(fail())


def test_a_look_up_does_not_wait_for_designs(designer: Designer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the designs take."""
    gate = threading.Event()
    monkeypatch.setattr("dosmith.web.app._Board.design", lambda board, query: gate.wait(60))
    board = Board(create_app(Settings.model_validate({"web": {"questions": 4}}), designer, tmp_path))
    board.thread.start()
    while not board.server.started:
        time.sleep(0.05)
    body = json.dumps({"values": [1.0] * designer.model.recipe.grid.points}).encode()
    question = board.head("POST", "/api/design", "Content-Type: application/json", f"Content-Length: {len(body)}") + body
    connections = [board.connect() for _ in range(10)]
    for connection in connections:
        connection.sendall(question)
    assert [board.ask("/api/jobs"), board.ask("/api/material?kind=known&id=Pt-A1")] == [200, 200]
    answer = question.replace(b"/api/design", b"/api/answer")
    with board.connect() as connection:
        connection.sendall(answer)
        assert status(connection) == 200
    gate.set()
    told = [status(connection) for connection in connections]
    assert told.count(429) == 5
    for connection in connections:
        connection.close()
    board.server.should_exit = True
    board.thread.join(60)
