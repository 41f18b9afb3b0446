"""Datagrams by the batch: recvmmsg(2) and sendmmsg(2).

A reply is not put together. It is two pieces of memory: the two bytes of the id where they were received, and what
lies behind it where it lies ready; the kernel reads both. Client, destination and id stay where the
kernel wrote them, and the messages that go out point there from the beginning. What changes from batch
to batch is written for all of it at once, through memoryviews that stride over C's arrays: where the
replies lie, and how long they are. So a hit costs 0.8 µs over the bare system calls (3.9, same run), and building
its bytes would cost another 0.5.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
from array import array
from collections.abc import Sequence
from operator import add
from struct import Struct
from typing import Any, Literal

from kdns.serve.datagram import AT_ONCE, LARGEST, PKTINFO4, PKTINFO6, Control, Datagram, Held, way_back
from kdns.serve.entry import Lying
from kdns.serve.listen import Address
from kdns.serve.mmsg import OCTETS_AT, library

_NEAR = 512
"""Bytes of each datagram that lie near those of the next. Hardly a query is longer; what is goes on further away."""
_ID = 2
_NAME4, _NAME6 = Struct("!2xH4s8x"), Struct("!2xHI16s4s")
_LINK_LOCAL, _LINK_LOCAL_MASK = (int.from_bytes(octets, sys.byteorder) for octets in (b"\xfe\x80", b"\xff\xc0"))


_found = library()
AVAILABLE = _found is not None


class Batch(Held):
    """A Port that takes and sends AT_ONCE datagrams at once. Only to be made where AVAILABLE."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        assert _found is not None
        self._ffi, self._c = _found
        self._fd = sock.fileno()
        self._count = 0
        self._moved = False
        self._lay_out()

    def _lay_out(self) -> None:
        """Make the arrays, and let everything point where it always will."""
        ffi = self._ffi
        name_size = (_NAME6 if self.family == 2 else _NAME4).size
        self._near = ffi.new("char[]", AT_ONCE * _NEAR)
        self._far = mmap.mmap(-1, AT_ONCE * LARGEST)  # memory that nothing is written to is none
        self._names = ffi.new("char[]", AT_ONCE * name_size)
        self._control = ffi.new("size_t[]", AT_ONCE * self.space // ffi.sizeof("size_t"))
        self._in_pieces = ffi.new("struct iovec[]", 2 * AT_ONCE)
        self._out_pieces = ffi.new("struct iovec[]", 2 * AT_ONCE)
        self._in = ffi.new("struct mmsghdr[]", AT_ONCE)
        self._out = ffi.new("struct mmsghdr[]", AT_ONCE)
        far = ffi.from_buffer(self._far)
        control = ffi.cast("char *", self._control)
        for place in range(AT_ONCE):
            near = self._near + place * _NEAR
            first, second = self._in_pieces[2 * place], self._in_pieces[2 * place + 1]
            first.iov_base, first.iov_len = near, _NEAR
            second.iov_base, second.iov_len = far + place * LARGEST, LARGEST
            identity = self._out_pieces[2 * place]
            identity.iov_base, identity.iov_len = near, _ID
            for messages, pieces in ((self._in, self._in_pieces), (self._out, self._out_pieces)):
                header = messages[place].msg_hdr
                header.msg_name, header.msg_namelen = self._names + place * name_size, name_size
                header.msg_iov, header.msg_iovlen = pieces + 2 * place, 2
                if self.wild:
                    header.msg_control, header.msg_controllen = control + place * self.space, self.space
        self._look_into(name_size)

    def _look_into(self, name_size: int) -> None:
        """Views over a field of each element, and what the fields that point have in them."""
        ffi = self._ffi
        self._octets = ffi.buffer(self._near)
        self._begins = [place * _NEAR + _ID for place in range(AT_ONCE)]
        self._bases = [place * _NEAR for place in range(AT_ONCE)]
        self._name_octets = ffi.buffer(self._names)
        self._name_size = name_size
        self._lengths = self._every("struct mmsghdr", self._in, "I", "msg_len")
        self._outs = {
            field: self._every("struct mmsghdr", self._out, "L", "msg_hdr", field)
            for field in ("msg_name", "msg_control")
        }
        pieces = memoryview(ffi.buffer(self._out_pieces)).cast("B").cast("L")
        stride = 2 * ffi.sizeof("struct iovec") // pieces.itemsize
        second = stride // 2
        length = ffi.offsetof("struct iovec", "iov_len") // pieces.itemsize
        self._outs["identity"] = pieces[0::stride]
        self._addresses, self._sizes = pieces[second::stride], pieces[second + length :: stride]
        self._pointers = {field: view.tolist() for field, view in self._outs.items()}
        if self.wild:
            self._control_octets = ffi.buffer(self._control)
            self._at_info = socket.CMSG_LEN(0)
            numbers = memoryview(self._control_octets).cast("B").cast("I")
            at = self._at_info + (16 if self.family == 2 else 0)
            self._interfaces = numbers[at // 4 :: self.space // 4]
            self._nowhere = array("I", bytes(4 * AT_ONCE))
            halves = memoryview(self._control_octets).cast("B").cast("H")
            self._asked = halves[self._at_info // 2 :: self.space // 2]

    def _every(self, type: str, elements: Any, format: Literal["I", "L"], *fields: str) -> memoryview:
        ffi = self._ffi
        view: memoryview = memoryview(ffi.buffer(elements)).cast("B").cast(format)
        return view[ffi.offsetof(type, *fields) // view.itemsize :: ffi.sizeof(type) // view.itemsize]

    # What comes.

    def receive(self) -> list[bytes]:
        """See Port."""
        count = self._c.recvmmsg(self._fd, self._in, AT_ONCE, socket.MSG_DONTWAIT, self._ffi.NULL)
        if count < 0:
            raise OSError(self._ffi.errno, os.strerror(self._ffi.errno))
        self._count = count
        octets, lengths = self._octets, self._lengths[:count].tolist()
        if max(lengths) > _NEAR or min(lengths) < _ID:
            return [self._whole(place)[_ID:] for place in range(count)]
        return [octets[begin:end] for begin, end in zip(self._begins, map(add, self._bases, lengths), strict=False)]

    def _whole(self, place: int) -> bytes:
        length = self._lengths[place]
        near, far = place * _NEAR, place * LARGEST
        wire: bytes = self._octets[near : near + min(length, _NEAR)]
        return wire if length <= _NEAR else wire + self._far[far : far + length - _NEAR]

    def datagram(self, place: int) -> Datagram:
        """See Port."""
        local, way = self._destination(place) if self.wild else (self.address, ())
        return Datagram(self._whole(place), self._client(place), local, way)

    def _client(self, place: int) -> Address:
        name: bytes = self._name_octets[place * self._name_size : (place + 1) * self._name_size]
        if self.family == 1:
            port, ip = _NAME4.unpack(name)
            return socket.inet_ntop(socket.AF_INET, ip), port
        port, flow, ip, scope = _NAME6.unpack(name)
        # An address of IPv6 has four parts for Python; whoever reads of it reads two.
        return socket.inet_ntop(socket.AF_INET6, ip), port, flow, int.from_bytes(scope, sys.byteorder)  # type: ignore[return-value]

    def _destination(self, place: int) -> tuple[Address, Control]:
        at = place * self.space + self._at_info
        six = self.family == 2
        data: bytes = self._control_octets[at : at + (PKTINFO6 if six else PKTINFO4).size]
        ip, way = way_back(*_PKTINFO[self.family], data)
        return (ip, self.address[1]), way

    # What goes.

    def answer(self, replies: Sequence[Lying], places: Sequence[int] | None = None) -> int:
        """See Port."""
        count = len(replies)
        addresses = [reply.address for reply in replies]
        if 0 in addresses:
            addresses = [reply.address or self._locate(reply) for reply in replies]
        self._addresses[:count] = array("L", addresses)
        self._sizes[:count] = array("L", [reply.size - _ID for reply in replies])
        if self.wild:
            self._leave_routes_to_the_kernel()
        if places is not None or self._moved:
            self._point(range(AT_ONCE) if places is None else places)
            self._moved = places is not None
        return self._send(count)

    @staticmethod
    def _locate(reply: Lying) -> int:
        body = reply.body
        if type(body) is not bytes:
            raise TypeError("only bytes stay where they are, as they are")
        reply.address = id(body) + OCTETS_AT
        return reply.address

    def _leave_routes_to_the_kernel(self) -> None:
        """As `way_back` does it: the control messages stay as they came, but for the interfaces."""
        count = self._count
        if self.family == 2 and any(asked & _LINK_LOCAL_MASK == _LINK_LOCAL for asked in self._asked[:count].tolist()):
            for place, asked in enumerate(self._asked[:count].tolist()):
                if asked & _LINK_LOCAL_MASK != _LINK_LOCAL:
                    self._interfaces[place] = 0
        else:
            self._interfaces[:count] = self._nowhere[:count]

    def _point(self, places: Sequence[int]) -> None:
        """Let the messages that go out, as many as there are places, point to the ids and clients there."""
        for field, view in self._outs.items():
            pointers = self._pointers[field]
            view[: len(places)] = array("L", [pointers[place] for place in places])

    def _send(self, count: int) -> int:
        """Send the first so many; one that cannot be is left out."""
        at = unsent = 0
        while at < count:
            sent = self._c.sendmmsg(self._fd, self._out + at, count - at, socket.MSG_DONTWAIT)
            if sent < 0:
                unsent, sent = unsent + 1, 1
            at += sent
        return unsent


_PKTINFO = {1: (socket.IPPROTO_IP, 8), 2: (socket.IPPROTO_IPV6, 50)}
"""Linux's IP_PKTINFO and IPV6_PKTINFO with their levels, by family."""
