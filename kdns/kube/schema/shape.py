"""Typed decoding: a shape is the part of a JSON object that is read. The only module that speaks to msgspec.

Just the fields that a shape names are read, and what is of the wrong type is told with its path, such as
`spec.ports[0].port`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
Labels = dict[str, str]
Raw = msgspec.Raw
"""JSON that has not been read yet."""
_pack = msgspec.msgpack.Encoder().encode


def _json_name(field: str) -> str:
    """`cluster_ips` is `clusterIPs`, `pod_ip` is `podIP`, `target_ref` is `targetRef`, `continue_` is `continue`."""
    first, *words = field.removesuffix("_").split("_")
    return first + "".join({"ip": "IP", "ips": "IPs"}.get(word) or word.capitalize() for word in words)


class Shape(msgspec.Struct, rename=_json_name, gc=False):
    """Other fields than these are skipped unread. Any list or map may be null, as the API server writes empty ones."""


class ShapeError(ValueError):
    """A field that is missing or of the wrong type. `path` is `spec.ports[0].port`, empty for the whole."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path


def _shape_error(error: msgspec.ValidationError) -> ShapeError:
    text, _, path = str(error).partition(" - at `")
    return ShapeError(text, path.rstrip("`").removeprefix("$").removeprefix("."))


def shaped(value: object, shape: type[T]) -> T:
    """A document that was read (dicts, lists, strings, numbers) as a shape. Raises ShapeError."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _shape_error(error) from None


def replaced(shape: S, **fields: Any) -> S:
    """The same shape with these fields (by their Python names) changed."""
    return msgspec.structs.replace(shape, **fields)


def decoder(shape: type[T]) -> Callable[[bytes | Raw], T]:
    """A function that reads JSON as this shape. It raises ShapeError, for what is no JSON too."""
    decode = msgspec.json.Decoder(shape).decode

    def read(data: bytes | Raw) -> T:
        try:
            return decode(data)
        except msgspec.ValidationError as error:
            raise _shape_error(error) from None
        except msgspec.DecodeError as error:
            raise ShapeError(str(error), "") from None

    return read


def packed(value: object) -> bytes:
    """Tuples, strings, bytes, numbers as MessagePack; a tuple's field names are not in it."""
    return _pack(value)


def unpacker(shape: type[T]) -> Callable[[bytes], T]:
    """A function that reads MessagePack as this type. It raises ShapeError, for what is no MessagePack too."""
    decode = msgspec.msgpack.Decoder(shape).decode

    def read(data: bytes) -> T:
        try:
            return decode(data)
        except msgspec.ValidationError as error:
            raise _shape_error(error) from None
        except msgspec.DecodeError as error:
            raise ShapeError(str(error), "") from None

    return read
