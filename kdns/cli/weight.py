"""What things weigh: bytes of everything that is reachable from them, each counted once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

_CODE = (type, ModuleType, FunctionType, MethodType, BuiltinFunctionType)
"""Nobody's own: they would lead to everything there is."""
_ALIGNED = 16
"""Bytes that sizes are rounded up to (CPython: Objects/obmalloc.c)."""
_PAGE = 4096
_STATM = Path("/proc/self/statm")


def weighed(parts: Mapping[str, object]) -> dict[str, int]:
    """The bytes of each part, without what a part before it has already."""
    seen: set[int] = set()
    return {name: _weight(part, seen) for name, part in parts.items()}


def _weight(root: object, seen: set[int]) -> int:
    total, waiting = 0, [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, _CODE):
            continue
        seen.add(id(thing))
        total += -(-sys.getsizeof(thing) // _ALIGNED) * _ALIGNED
        waiting += gc.get_referents(thing)
        waiting += [getattr(thing, field) for field in getattr(type(thing), "__struct_fields__", ())]  # of msgspec
    return total


def resident() -> int:
    """Bytes of this process that are in memory now; 0 where the system does not say."""
    return int(_STATM.read_text().split()[1]) * _PAGE if _STATM.exists() else 0
