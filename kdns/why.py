"""Why an answer is what it is, as those see it who show it: `kdns explain`, the log, a metric's label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Exhibit:
    """An object that was looked at: `Service shop/web`, whether it exists, where it comes from, and details."""

    object: str
    found: bool
    origin: str = ""
    notes: tuple[str, ...] = ()


class Why(Protocol):
    """The reason of an answer, in the words of the plugin that made it."""

    @property
    def word(self) -> str:
        """The reason's name out of a closed list, fit for a metric label."""

    @property
    def sentence(self) -> str:
        """The reason for people, without a final dot."""

    def exhibits(self) -> tuple[Exhibit, ...]:
        """The objects that were looked at."""

    def neighbours(self) -> tuple[bytes, ...]:
        """Names (wire form) that exist near the one that was asked for; none if that exists itself."""
