"""What to believe of a file that has changed: its writer may be in the middle of it.

A text that is cut short at any place must not take names or addresses out of the answers, nor may a
file that is deleted to be written anew. Nothing tells such a text from a finished one, except that
the file then changes once more. So there are two looks, one poll apart:

- At the first look a text is believed if nothing suggests that something is missing: it has no
  errors, it holds every object that the file held before, it is not shorter than the text before
  it, and it ends as whole texts do (the end of a line, or the text before it did not end so either).
- At the second look, if mtime, size and inode are still the same, it is believed whatever it says:
  what it does not hold any more is gone, and a file that is not there is gone.

While a text has errors, nothing that the file held before is removed even then: what can be read of
it is added and replaces, the rest stays until the file can be read. What cannot be read now at all
(permissions, a failing disk) changes nothing. At the start there is nothing to lose, and every text
is believed at once. A file that never rests for one interval is believed in what it adds, never in
what it removes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from kdns.errors import ManifestError
from kdns.kube.document import Document
from kdns.kube.files.documents import Reading
from kdns.kube.files.folder import Stamp


class Text(NamedTuple):
    """What a look found in a file; a file that is not there has no stamp."""

    stamp: Stamp | None
    reading: Reading


ABSENT = Text(None, Reading())


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a file: the text that is believed, the documents that are served, the text in doubt.

    `failure` is why it cannot be looked at now.
    """

    believed: Text = ABSENT
    documents: tuple[Document, ...] = ()
    doubted: Text | None = None
    failure: ManifestError | None = None

    @property
    def latest(self) -> Text:
        """What the last look that succeeded found."""
        return self.doubted or self.believed

    @property
    def errors(self) -> tuple[ManifestError, ...]:
        """What cannot be read of the file now."""
        failed = (self.failure,) if self.failure else ()
        return (*failed, *self.latest.reading.errors)

    @property
    def empty(self) -> bool:
        """Whether there is no such file and nothing to remember of it."""
        return self.latest.stamp is None and not self.documents and self.failure is None

    def seen(self, text: Text) -> Held:
        """A text that differs from the latest one, at its first look."""
        if _suspicious(self, text):
            return replace(self, doubted=text, failure=None)
        return self.settled(text)

    def seen_again(self) -> Held:
        """The second look at the latest text."""
        if self.doubted is not None:
            return self.settled(self.doubted)
        return replace(self, failure=None) if self.failure else self

    def settled(self, text: Text) -> Held:
        """Believe a text. One with errors removes nothing."""
        reading = text.reading
        given = _names(reading.documents)
        kept = [each for each in self.documents if reading.errors and _name(each) not in given]
        return Held(text, (*kept, *reading.documents))

    def failed(self, error: ManifestError) -> Held:
        """The file could not be looked at."""
        return replace(self, failure=error)


def _suspicious(held: Held, text: Text) -> bool:
    """Whether a text may be the beginning of a longer one."""
    before, reading = held.believed, text.reading
    return (
        bool(reading.errors)
        or not _names(held.documents) <= _names(reading.documents)
        or _size(text) < _size(before)
        or (before.reading.whole and not reading.whole)
    )


def _size(text: Text) -> int:
    return text.stamp.size if text.stamp else 0


def _names(documents: Iterable[Document]) -> set[tuple[str, str, str]]:
    return set(map(_name, documents))


def _name(document: Document) -> tuple[str, str, str]:
    return document.kind, document.namespace, document.name
