"""A relay between a client and an API server whose connections can die without a word."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Relay:
    """Passes bytes on, both ways, until `forget`: then those connections stay open and carry nothing more.

    `listener` may be a socket of another host.
    """

    def __init__(self, port: int, listener: socket.socket | None = None) -> None:
        self._to = port
        self._era = 0
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for sock in (self._listener, *self._held):
            sock.close()

    def forget(self) -> None:
        """Let every connection that there is fall silent; new ones work."""
        self._era += 1

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._held += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(*ends, self._era), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, era: int) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if era == self._era:
                    target.sendall(chunk)
            if era == self._era:
                target.shutdown(socket.SHUT_WR)
