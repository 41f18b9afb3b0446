"""What to believe of a file that has changed: its writer may be in the middle of it.

A text that is cut short at any place must not take names or addresses out of the answers, nor show
addresses that nobody wrote, nor may a file that is deleted to be written anew. Nothing in such a
text tells it from a finished one, only that the file then changes once more. So:

- A text, or the absence of a file, is believed at the second look, one poll after the first, if
  stamps and inode are still the same.
- A text that ends as whole texts do (the end of a line, or of the JSON), and holds every object that
  is held of the file, is believed at the first look if it came as another file: it was written
  elsewhere and renamed to here. So a change that arrives by rename is seen at once.
- A file that is written again and again need not rest: the bytes of the last look are believed if they
  came as another file, or if they end whole and hold every object that is held.

While a text has errors, nothing that the file held before is removed even then: what can be read of
it is added and replaces, the rest stays until the file can be read. What cannot be read now at all
(permissions, a failing disk) changes nothing. At the start there is nothing to lose, and every text
is believed at once.

What remains: a file that is deleted and written anew between two looks, slowly, with another inode,
looks as if it had been renamed to here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kdns.errors import ManifestError
from kdns.kube.document import Document, Origin
from kdns.kube.files.documents import Reading
from kdns.kube.files.folder import Stamp


class Text(NamedTuple):
    """What a look found in a file; a file that is not there has no stamp, what is no text has no digest."""

    stamp: Stamp | None
    reading: Reading
    digest: bytes | None = None

    def same_bytes(self, other: Text | None) -> bool:
        """Whether both are texts, and one and the same."""
        return other is not None and self.digest is not None and self.digest == other.digest


ABSENT = Text(None, Reading())


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a file: the text that is believed, what is served of it, the text in doubt.

    `failure` is why it cannot be looked at now.
    """

    believed: Text = ABSENT
    documents: tuple[Document, ...] = ()
    mentions: Mapping[str, Origin] = field(default_factory=dict)
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
        return self.latest.stamp is None and not self.documents and not self.mentions and self.failure is None

    def known(self, digest: bytes) -> Reading | None:
        """What was read of a text that has been seen here, if it is the last or the believed one."""
        return next((each.reading for each in (self.latest, self.believed) if each.digest == digest), None)

    def seen(self, text: Text) -> Held:
        """A text of another stamp than the latest one, at its first look."""
        if text.same_bytes(self.believed):
            return replace(self, believed=text, doubted=None, failure=None)
        return self.settled(text) if self._finished(text) else replace(self, doubted=text, failure=None)

    def seen_again(self) -> Held:
        """The second look at the latest text."""
        if self.doubted is not None:
            return self.settled(self.doubted)
        return replace(self, failure=None) if self.failure else self

    def settled(self, text: Text) -> Held:
        """Believe a text. One with errors removes nothing."""
        reading = text.reading
        held = {_name(each): each for each in self.documents}
        given = [_steady(held.get(_name(each)), each) for each in reading.documents]
        if not reading.errors:
            return Held(text, tuple(given), reading.mentions)
        kept = [each for each in self.documents if _name(each) not in _names(given)]
        return Held(text, (*kept, *given), {**self.mentions, **reading.mentions})

    def failed(self, error: ManifestError) -> Held:
        """The file could not be looked at."""
        return replace(self, failure=error)

    def _finished(self, text: Text) -> bool:
        """Whether nobody can be in the middle of writing a text that is seen for the first time."""
        reading = text.reading
        another, again = _another(self.latest.stamp, text.stamp), text.same_bytes(self.doubted)
        if another and again:
            return True
        complete = _names(self.documents) <= _names(reading.documents)
        return (another or again) and complete and reading.whole and not reading.errors


def _another(before: Stamp | None, after: Stamp | None) -> bool:
    return before is not None and after is not None and before.inode != after.inode


def _steady(held: Document | None, read: Document) -> Document:
    """A document, which is the one that is held as far as it is the same."""
    if held is None or held.shape != read.shape:
        return read
    return held if held.origin == read.origin else read._replace(shape=held.shape)


def _names(documents: Iterable[Document]) -> set[tuple[str, str, str]]:
    return set(map(_name, documents))


def _name(document: Document) -> tuple[str, str, str]:
    return document.kind, document.namespace, document.name
