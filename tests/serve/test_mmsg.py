from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from kdns.serve import mmsg
from kdns.serve.datagram import LINUX as IS_LINUX

LINUX = pytest.mark.skipif(not IS_LINUX, reason="recvmmsg is Linux's")


@LINUX
def test_what_cffi_makes_of_the_declarations_stands_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import _cffi_backend
    from cffi import FFI

    made: list[dict[str, Any]] = []
    ffi = FFI()
    ffi.cdef(mmsg.DECLARATIONS)
    ffi.set_source("made", None)
    ffi.emit_python_code(str(tmp_path / "made.py"))
    monkeypatch.setattr(_cffi_backend, "FFI", lambda _name, **given: made.append(given))
    runpy.run_path(str(tmp_path / "made.py"))
    assert made == [
        {"_version": mmsg.VERSION, "_types": mmsg.TYPES, "_globals": mmsg.GLOBALS, "_struct_unions": mmsg.STRUCTS}
    ]


@LINUX
def test_a_c_library_with_both_calls_is_found() -> None:
    found = mmsg.library()
    assert found is not None
    ffi, c = found
    assert ffi.sizeof("struct mmsghdr") == ffi.sizeof("struct msghdr") + ffi.sizeof("size_t")
    assert c.recvmmsg(-1, ffi.NULL, 0, 0, ffi.NULL) == -1


def test_without_cffi_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_cffi_backend", None)
    assert mmsg.library() is None


@LINUX
@pytest.mark.parametrize("missing", [OSError("no such library"), AttributeError("recvmmsg")])
def test_without_the_calls_there_is_none(missing: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    import _cffi_backend

    class Bare:
        def __init__(self, *_: object, **__: object) -> None: ...

        def dlopen(self, _: None) -> None:
            raise missing

    monkeypatch.setattr(_cffi_backend, "FFI", Bare)
    assert mmsg.library() is None
