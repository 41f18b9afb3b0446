"""recvmmsg(2) and sendmmsg(2), through cffi's ABI mode, so that nothing is compiled.

cffi would read C's declarations at each start, with a parser that costs 40 ms and 3 MB. What it makes of them
(`FFI.emit_python_code`) stands here instead, for its backend alone; a test makes it anew and compares.
"""

from __future__ import annotations

from typing import Any

from kdns.serve.datagram import LINUX

DECLARATIONS = """
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr {
    void *msg_name; uint32_t msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
    void *msg_control; size_t msg_controllen; int msg_flags;
};
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int recvmmsg(int, struct mmsghdr *, unsigned int, int, void *);
int sendmmsg(int, struct mmsghdr *, unsigned int, int);
"""
"""As Linux has them; a C library that pads where the kernel has size_t (musl) agrees in every byte."""

VERSION = 0x2601
"""Of the format of what follows, which cffi's backend knows since 1.4."""
TYPES = bytes.fromhex(
    "0000010d 00000701 00001003 00000801 00000701 0000000f 0000010d 00000701 00000211 00000801 00000701 00001303"
    "0000000f 00001c01 00000f03 00000009 00000109 00000209 00001601 00000001"
)
GLOBALS = (b"\x00\x00\x06\x23recvmmsg", 0, b"\x00\x00\x00\x23sendmmsg", 0)
STRUCTS = (
    (b"\x00\x00\x00\x0f\x00\x00\x00\x02iovec", b"\x00\x00\x0b\x11iov_base", b"\x00\x00\x0d\x11iov_len"),
    (b"\x00\x00\x00\x10\x00\x00\x00\x02mmsghdr", b"\x00\x00\x11\x11msg_hdr", b"\x00\x00\x03\x11msg_len"),
    (
        b"\x00\x00\x00\x11\x00\x00\x00\x02msghdr",
        b"\x00\x00\x0b\x11msg_name",
        b"\x00\x00\x12\x11msg_namelen",
        b"\x00\x00\x0e\x11msg_iov",
        b"\x00\x00\x0d\x11msg_iovlen",
        b"\x00\x00\x0b\x11msg_control",
        b"\x00\x00\x0d\x11msg_controllen",
        b"\x00\x00\x01\x11msg_flags",
    ),
)

OCTETS_AT = bytes.__basicsize__ - 1
"""Where the octets of bytes begin, which `_lies_where_expected` makes sure of: the size counts a last zero."""


def library() -> tuple[Any, Any] | None:
    """cffi's FFI and the C library, where both are there and the library has the two calls."""
    if not LINUX:
        return None
    try:
        import _cffi_backend

        ffi = _cffi_backend.FFI(__name__, _version=VERSION, _types=TYPES, _globals=GLOBALS, _struct_unions=STRUCTS)
        found = ffi.dlopen(None)
        found.recvmmsg, found.sendmmsg  # noqa: B018  it is now that they are looked for
    except (ImportError, OSError, AttributeError):
        return None
    return (ffi, found) if _lies_where_expected(ffi) else None


def _lies_where_expected(ffi: Any) -> bool:
    """Whether bytes have their octets behind the object's own fields, as in CPython.

    To ask cffi for each reply's address takes ten times as long: half a microsecond of each that is made for one query.
    """
    octets = b"of any length"
    return bool(int(ffi.cast("uintptr_t", ffi.from_buffer(octets))) == id(octets) + OCTETS_AT)
