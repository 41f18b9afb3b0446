"""The DNS of the world outside, for a kdns that forwards: it knows one address, whatever is asked for."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rdatatype
import dns.rrset

ADDRESS = "192.0.2.1"
TTL = 5


class _Asked(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, sock = self.request
        question = dns.message.from_wire(wire)
        reply = dns.message.make_response(question)
        name, type = question.question[0].name, question.question[0].rdtype
        if type == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(name, TTL, "IN", "A", ADDRESS))
        sock.sendto(reply.to_wire(), self.client_address)


@contextmanager
def elsewhere() -> Iterator[str]:
    """Its address, `IP:PORT`. Every name has one A record, and nothing else."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Asked) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()
