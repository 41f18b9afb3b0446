"""`kdns explain NAME [TYPE]`: the answer, and why it is that: for a Corefile or for manifests, without serving them."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

from kdns.app import App
from kdns.cli.run import read
from kdns.cli.serve import corefile_text, parsed
from kdns.cli.verdict import Verdict, judge, near_outside
from kdns.corefile.parser import Corefile
from kdns.errors import NameSyntaxError
from kdns.plan import plan
from kdns.proto.name import Name, from_text, to_text
from kdns.proto.record import RRset
from kdns.proto.text import rcode_text, type_number, type_text, zone_lines
from kdns.proto.types import RCode, RRType
from kdns.why import Exhibit

_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Explain; 0 when the name is answered, 1 when it is not, 2 for wrong usage."""
    given = _flags().parse_args(arguments)
    type, paths = _split(given.rest)
    try:
        name = from_text(given.name)
    except NameSyntaxError as error:
        print(f"kdns explain: {error}", file=sys.stderr)
        return _USAGE
    if paths and given.conf:
        print("kdns explain: give manifests or -conf, not both", file=sys.stderr)
        return _USAGE
    corefile = parsed(corefile_text(paths, given.zone, 1053, "127.0.0.1", "off")) if paths else read(given.conf, 53)
    verdict, near = asyncio.run(_explain(corefile, name, type))
    told = _as_dict(verdict, near)
    print(json.dumps(told, indent=2) if given.json else "\n".join(_lines(verdict, near)))
    return 0 if verdict.response.rcode == RCode.NOERROR else 1


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kdns explain",
        description="Tell what a name resolves to, and why: the reason, the objects, the endpoints.",
        usage="kdns explain NAME [TYPE] [-conf FILE | PATH...] [--json]",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="a full name, as web.shop.svc.cluster.local")
    parser.add_argument("rest", nargs="*", metavar="[TYPE] [PATH...]", help="a record type (default: A), manifests")
    parser.add_argument("-conf", "--conf", metavar="FILE", help="a Corefile (default: ./Corefile)")
    parser.add_argument("--zone", default="cluster.local", help="with manifests: the cluster's domain")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _split(rest: Sequence[str]) -> tuple[int, list[str]]:
    """The type, if the first word is one, and the paths."""
    if not rest:
        return RRType.A, []
    try:
        return type_number(rest[0]), list(rest[1:])
    except ValueError:
        return RRType.A, list(rest)


async def _explain(corefile: Corefile, name: Name, type: int) -> tuple[Verdict, tuple[Name, ...]]:
    logging.getLogger("kdns").setLevel(logging.CRITICAL)
    app = App(plan(corefile, asyncio.get_running_loop().time, time.time))
    await app.load()
    try:
        verdict = await judge(app.plan, name, type)
        return verdict, await near_outside(app.plan, verdict) or verdict.neighbours()
    finally:
        await app.unload()


def _lines(verdict: Verdict, near: Sequence[Name]) -> list[str]:
    response = verdict.response
    lines = [
        f"{to_text(verdict.name)} {type_text(verdict.type)}: {verdict.outcome}",
        f"  because {verdict.sentence}",
    ]
    for title, section in (("answer", response.answer), ("additional", response.additional)):
        if section:
            lines += ["", title, *(f"  {line}" for line in _records(section))]
    if exhibits := verdict.exhibits():
        lines += ["", "looked at", *(f"  {line}" for exhibit in exhibits for line in _exhibit(exhibit))]
    if near:
        lines += ["", "near it", *(f"  {to_text(name)}" for name in near)]
    return lines


def _records(section: Sequence[RRset]) -> list[str]:
    return [line.expandtabs(1) for rrset in section for line in zone_lines(rrset)]


def _exhibit(exhibit: Exhibit) -> list[str]:
    place = exhibit.origin if exhibit.found else "does not exist"
    return [f"{exhibit.object}: {place}".removesuffix(": "), *(f"  {note}" for note in exhibit.notes)]


def _as_dict(verdict: Verdict, near: Sequence[Name]) -> dict[str, Any]:
    response = verdict.response
    return {
        "name": to_text(verdict.name),
        "type": type_text(verdict.type),
        "rcode": rcode_text(response.rcode),
        "outcome": verdict.outcome,
        "reason": verdict.word,
        "sentence": verdict.sentence,
        "answer": _records(response.answer),
        "authority": _records(response.authority),
        "additional": _records(response.additional),
        "looked_at": [
            {"object": each.object, "found": each.found, "origin": each.origin, "notes": list(each.notes)}
            for each in verdict.exhibits()
        ],
        "near": [to_text(name) for name in near],
    }
