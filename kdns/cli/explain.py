"""`kdns explain NAME [TYPE]`: the answer, and why it is that: for a Corefile or for manifests, without serving them."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kdns.app import App
from kdns.cli.flags import Parser, add_manifests, parser, zone
from kdns.cli.hushed import hushed
from kdns.cli.run import read
from kdns.cli.serve import corefile_text, parsed, without_places
from kdns.cli.verdict import Verdict, judge, near_outside
from kdns.corefile.parser import Corefile
from kdns.errors import NameSyntaxError
from kdns.plan import plan
from kdns.proto.name import Name, from_text, to_text
from kdns.proto.record import RRset
from kdns.proto.reverse import address_of, pack, reverse_name
from kdns.proto.text import rcode_text, type_number, type_text, zone_lines
from kdns.proto.types import RCode, RRType
from kdns.why import Exhibit

_USAGE = 2


class _Told(NamedTuple):
    """A verdict, names near it, and whether it matters which of several listeners it comes from."""

    verdict: Verdict
    near: tuple[Name, ...]
    several: bool


def main(arguments: Sequence[str]) -> int:
    """Explain; 0 when the name is answered or exists, 1 when it does not or no answer can be given, 2 for wrong usage.

    Raises CorefileErrors and StartError.
    """
    given = _flags().parse_words(arguments)
    try:
        name = _name(given.name)
        type, paths = _split(given.rest, RRType.PTR if address_of(name.lower()) else RRType.A)
    except (NameSyntaxError, ValueError) as error:
        return _wrong(str(error))
    if paths and (given.conf or given.manifests):
        return _wrong("give manifests or -conf, not both")
    told = _of_manifests(paths, given.zone, name, type) if paths else _of_corefile(given, name, type)
    print(json.dumps(_as_dict(told), indent=2) if given.json else "\n".join(_lines(told)))
    return 0 if told.verdict.response.rcode == RCode.NOERROR else 1


def _wrong(text: str) -> int:
    print(f"kdns explain: {text}", file=sys.stderr)
    return _USAGE


def _flags() -> Parser:
    flags = parser(
        "kdns explain",
        "Tell what a name resolves to, and why: the reason, the objects, the endpoints.",
        usage="kdns explain NAME [TYPE] [-conf FILE [-manifests PATH] | PATH...] [--json]",
    )
    flags.add_argument("name", metavar="NAME", help="a full name, as web.shop.svc.cluster.local, or an address")
    flags.add_argument(
        "rest", nargs="*", metavar="[TYPE] [PATH...]", help="a record type (default: A, for an address PTR), manifests"
    )
    flags.add_argument("-conf", "--conf", metavar="FILE", help="a Corefile (default: ./Corefile)")
    add_manifests(flags)
    flags.add_argument("--zone", type=zone, default="cluster.local", help="with manifests: the cluster's domain")
    flags.add_argument("--json", action="store_true", help="for programs")
    return flags


def _name(text: str) -> Name:
    """A name, or that of an address's PTR record. Raises NameSyntaxError."""
    try:
        return reverse_name(pack(text))
    except ValueError:
        return from_text(text)


def _split(rest: Sequence[str], usual: int) -> tuple[int, list[str]]:
    """The type, if the first word is one, and the paths. Raises ValueError where it is neither."""
    if not rest:
        return usual, []
    try:
        return type_number(rest[0]), list(rest[1:])
    except ValueError:
        if "/" not in rest[0] and not Path(rest[0]).exists():
            raise ValueError(f"'{rest[0]}' is neither a record type nor a file or folder") from None
        return usual, list(rest)


def _of_manifests(paths: Sequence[str], zone: str, name: Name, type: int) -> _Told:
    with without_places():
        corefile = parsed(corefile_text(paths, zone, 1053, "127.0.0.1", "off"), paths)
        return asyncio.run(_explain(corefile, name, type))


def _of_corefile(given: argparse.Namespace, name: Name, type: int) -> _Told:
    return asyncio.run(_explain(read(given.conf or "Corefile", 53, given.manifests), name, type))


async def _explain(corefile: Corefile, name: Name, type: int) -> _Told:
    with hushed() as logged:
        app = App(plan(corefile, asyncio.get_running_loop().time, time.time))
        await app.load()
        try:
            verdict = await judge(app.plan, name, type)
            near = await near_outside(app.plan, verdict) or verdict.neighbours()
        finally:
            await app.unload()
    for record in logged:  # a mistake may be why there is no such name
        print(f"warning: {record.getMessage()}", file=sys.stderr)
    return _Told(verdict, near, len(app.plan.routers) > 1)


def _lines(told: _Told) -> list[str]:
    verdict, response = told.verdict, told.verdict.response
    lines = [
        f"{to_text(verdict.name)} {type_text(verdict.type)}: {verdict.outcome}",
        f"  because {verdict.sentence}",
    ]
    if told.several and verdict.server:
        lines += [f"  says {verdict.server}, where zone {to_text(verdict.zone)} is served"]
    for title, section in (("answer", response.answer), ("additional", response.additional)):
        if section:
            lines += ["", title, *(f"  {line}" for line in _records(section))]
    if exhibits := verdict.exhibits():
        lines += ["", "looked at", *(f"  {line}" for exhibit in exhibits for line in _exhibit(exhibit))]
    if told.near:
        lines += ["", "near it", *(f"  {to_text(name)}" for name in told.near)]
    return lines


def _records(section: Sequence[RRset]) -> list[str]:
    return [line.expandtabs(1) for rrset in section for line in zone_lines(rrset)]


def _exhibit(exhibit: Exhibit) -> list[str]:
    place = exhibit.origin if exhibit.found else "does not exist"
    return [f"{exhibit.object}: {place}".removesuffix(": "), *(f"  {note}" for note in exhibit.notes)]


def _as_dict(told: _Told) -> dict[str, Any]:
    verdict, response = told.verdict, told.verdict.response
    return {
        "name": to_text(verdict.name),
        "type": type_text(verdict.type),
        "rcode": rcode_text(response.rcode),
        "outcome": verdict.outcome,
        "reason": verdict.word,
        "sentence": verdict.sentence,
        "plugin": response.by,
        "zone": to_text(verdict.zone) if verdict.zone else "",
        "server": verdict.server,
        "answer": _records(response.answer),
        "authority": _records(response.authority),
        "additional": _records(response.additional),
        "looked_at": [
            {"object": each.object, "found": each.found, "origin": each.origin, "notes": list(each.notes)}
            for each in verdict.exhibits()
        ],
        "near": [to_text(name) for name in told.near],
    }
