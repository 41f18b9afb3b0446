"""What is asked: lines of dnsperf's data files, `NAME TYPE`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from bench.cluster import NAMESPACES, ZONE, Shape, addresses, cluster_ip, owner, wide_owner
from bench.zone import endpoint, pointer

Lines = Callable[[Shape, random.Random, int], Iterator[str]]
"""Out of a cluster, dice and the round's number."""
HOSTS = 200
"""Names outside the cluster that its Pods ask for again and again."""
UNIQUE = 400_000
"""Names that are asked once in a round: more than any server answers in its time."""
LOOKUPS = 5000
"""In the mix: some 22,000 questions, of which two thirds are different."""


def clusterips(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """The address of every Service that has one, in any order."""
    numbers = list(shape.exposed())
    dice.shuffle(numbers)
    return (f"{owner(number)} A" for number in numbers)


def headless(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """The addresses of headless Services."""
    return (f"{owner(number)} A" for number in shape.headless())


def srv(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """The ports of headless Services."""
    return (f"_http._tcp.{owner(number)} SRV" for number in shape.headless())


def wide(width: int) -> Lines:
    """The addresses of a Service that has many."""

    def lines(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
        yield f"{wide_owner(width)} A"

    return lines


def mixed_case(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """The addresses of a thousand Services, each in twenty spellings (0x20)."""
    numbers = list(shape.exposed())[:1000]
    for _ in range(20):
        for number in numbers:
            yield "".join(dice.choice((each, each.upper())) for each in owner(number)) + " A"


def wrong(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """Names that do not exist, none of them twice: what a search path makes of names outside."""
    for number in range(UNIQUE):
        yield f"r{round}-{number}.example.com.{_space(dice)}.svc.{ZONE} A"


def first(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """Every name there is, of each type that it has, once."""
    found = [f"{owner(number)} A" for number in range(shape.services)]
    found += [f"{owner(number)} AAAA" for number in range(shape.services)]
    found += [f"_http._tcp.{owner(number)} SRV" for number in range(shape.services)]
    found += [f"{pointer(cluster_ip(number))} PTR" for number in shape.exposed()]
    for number in shape.headless():
        for address in addresses(number, shape.each):
            found += [f"{endpoint(address)}.{owner(number)} A", f"{pointer(address)} PTR"]
    dice.shuffle(found)
    return iter(found)


def outside_hot(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """Names outside the cluster that are asked again and again."""
    return (f"host-{number}.example.com A" for number in range(HOSTS))


def outside_unique(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """Names outside the cluster, none of them twice."""
    return (f"r{round}-{number}.example.com A" for number in range(UNIQUE))


def mix(shape: Shape, dice: random.Random, round: int) -> Iterator[str]:
    """What the Pods of a cluster ask with ndots 5 and three search domains, again and again.

    Of a hundred look-ups 35 are for a Service of the own namespace, 20 for one of another namespace
    (`svc.namespace`: one wrong name first), 8 for a headless one, 4 for SRV, 3 for PTR, 30 for a name outside (three
    wrong names first). Each look-up of addresses asks for A and AAAA. Some names are liked more than others.
    """
    for _ in range(LOOKUPS):
        yield from _lookup(shape, dice)


def _lookup(shape: Shape, dice: random.Random) -> Iterator[str]:
    number = int(shape.services * dice.random() ** 3)
    exposed = number if number % 5 else min(number + 1, shape.services - 1)
    space = _space(dice)
    match dice.choices(("own", "other", "headless", "srv", "ptr", "outside"), (35, 20, 8, 4, 3, 30))[0]:
        case "own":
            yield from _both(owner(exposed))
        case "other":
            yield from _both(f"{owner(exposed).removesuffix(f'.svc.{ZONE}')}.{space}.svc.{ZONE}")
            yield from _both(owner(exposed))
        case "headless":
            yield from _both(owner(number - number % 5))
        case "srv":
            yield f"_http._tcp.{owner(number)} SRV"
        case "ptr":
            yield f"{pointer(cluster_ip(exposed))} PTR"
        case _:
            host = f"host-{int(HOSTS * dice.random() ** 3)}.example.com"
            for domain in (f".{space}.svc.{ZONE}", f".svc.{ZONE}", f".{ZONE}", ""):
                yield from _both(host + domain)


def _both(name: str) -> Iterator[str]:
    yield f"{name} A"
    yield f"{name} AAAA"


def _space(dice: random.Random) -> str:
    return f"ns-{dice.randrange(NAMESPACES)}"
