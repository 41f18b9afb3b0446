"""Runs inside a host of the tests, and keeps it there: lends sockets of it, and ends with its standard input."""

from __future__ import annotations

import socket


def main() -> None:
    """Send a new socket for each byte received, which says of what type."""
    with socket.socket(fileno=0) as tests:
        tests.send(b"here")
        while kind := tests.recv(1):
            with socket.socket(type=socket.SocketKind(kind[0])) as made:
                socket.send_fds(tests, [b"."], [made.fileno()])


if __name__ == "__main__":
    main()
