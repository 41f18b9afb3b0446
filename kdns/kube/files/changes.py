"""What changes from one catalogue to the next, in portions: the loop answers questions between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from kdns.kube.objects import Object, Ref, Slice

MOST = 500
"""Objects of one portion, which take a store some 10 ms; what belongs to one Service is never parted."""


class Change(NamedTuple):
    """Objects that are new or different, and which are gone."""

    changed: list[Object]
    gone: list[Ref]


def changes(before: Mapping[Ref, Object], after: Mapping[Ref, Object], most: int = MOST) -> list[Change]:
    """How the first becomes the second. Namespaces come first."""
    changed = [each for ref, each in after.items() if before.get(ref) != each]
    gone = [each for ref, each in before.items() if ref not in after]
    if len(changed) + len(gone) <= most:
        return [_change(changed, gone)] if changed or gone else []
    return list(_portions(changed, gone, most))


def _portions(changed: Iterable[Object], gone: Iterable[Object], most: int) -> Iterator[Change]:
    steps = [(_group(each), True, each) for each in changed] + [(_group(each), False, each) for each in gone]
    steps.sort(key=lambda step: step[0])
    portion = Change([], [])
    for _, group in groupby(steps, key=lambda step: step[0]):
        for _, stays, each in group:
            if stays:
                portion.changed.append(each)
            else:
                portion.gone.append(each.ref)
        if len(portion.changed) + len(portion.gone) >= most:
            yield portion
            portion = Change([], [])
    if portion.changed or portion.gone:
        yield portion


def _change(changed: list[Object], gone: Iterable[Object]) -> Change:
    return Change(changed, [each.ref for each in gone])


def _group(held: Object) -> tuple[str, str]:
    """What is to change at once: a Service, by namespace and name, and its endpoints."""
    return held.ref.namespace, held.service if isinstance(held, Slice) else held.name
