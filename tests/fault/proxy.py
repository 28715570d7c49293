"""A wire between a driver and a server that can be cut at the worst moment."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Literal

COMMIT = b"\x00\x02\xb0\x12\x00\x00"
"""Bolt's COMMIT: a chunk of two bytes, the message, the end of the message."""


class Proxy:
    """Forwards TCP connections to a server; cuts the one that sends the n-th COMMIT, once.

    Args:
        target: Host and port of the server.
        commit: Which COMMIT to cut at, counted from 1.
        lost: What gets lost: the `request`, or the `reply` (then the server has committed).
    """

    def __init__(self, target: tuple[str, int], commit: int, lost: Literal["request", "reply"]) -> None:
        self.target, self.left, self.lost = target, commit, lost
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            _end(each)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                self._sockets += [client, server]
                deaf = threading.Event()
                for work in (self._requests, self._replies):
                    thread = threading.Thread(target=work, args=(client, server, deaf), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _requests(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while content := client.recv(65536):
                if COMMIT in content and self.left > 0:
                    self.left -= 1
                    if self.left == 0:
                        self.cuts += 1
                        if self.lost == "request":
                            break
                        deaf.set()
                server.sendall(content)
        if not deaf.is_set():
            _end(client)
            _end(server)

    def _replies(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while content := server.recv(65536):
                if deaf.is_set():
                    break
                client.sendall(content)
        _end(client)
        _end(server)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
