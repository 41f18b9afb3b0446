"""In which order servers are asked (CoreDNS: plugin/forward/policy.go)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import TypeVar

T = TypeVar("T")

Policy = Callable[[Sequence[T]], list[T]]
"""The servers in the order in which the next question tries them."""


def random_order(random: Random) -> Policy[T]:
    """Each question draws."""
    return lambda servers: random.sample(servers, len(servers))


def round_robin() -> Policy[T]:
    """Each question begins with the one after the last question's first."""
    turns = count()

    def order(servers: Sequence[T]) -> list[T]:
        first = next(turns) % len(servers) if servers else 0
        return [*servers[first:], *servers[:first]]

    return order


def sequential() -> Policy[T]:
    """Always as they are written."""
    return list
