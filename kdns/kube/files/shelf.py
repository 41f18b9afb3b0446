"""The files of manifests and what is held of each, from one look to the next."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from kdns.errors import ManifestError
from kdns.kube.document import Document, Origin
from kdns.kube.files import folder
from kdns.kube.files.belief import ABSENT, Held, Text
from kdns.kube.files.documents import Reading, read_documents
from kdns.kube.files.folder import Identity, Look, Stamp

_GONE = "the folder is gone: what it held is served on until it is back"
_DIGEST = 16
_EMPTIED = "another folder is here now and nothing is in it: what the former held is served on"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is held after a look, by file. `unseen` are folders that could not be looked into, and why."""

    files: Mapping[str, Held] = field(default_factory=dict)
    folders: Mapping[str, Identity] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def documents(self) -> list[Document]:
        """All that are served."""
        return [each for held in self.files.values() for each in held.documents]

    @property
    def mentions(self) -> list[tuple[str, Origin]]:
        """The namespaces that objects of other kinds name, each with a place where one does."""
        return [each for held in self.files.values() for each in held.mentions.items()]

    @property
    def errors(self) -> list[ManifestError]:
        """What cannot be read now."""
        failed = [_unreadable(path, why) for path, why in self.unseen.items()]
        return failed + [error for held in self.files.values() for error in held.errors]

    @property
    def passed_over(self) -> Counter[str]:
        """The kinds that are not read, with how many objects of each there are."""
        counted: Counter[str] = Counter()
        for held in self.files.values():
            counted.update(held.believed.reading.passed_over)
        return counted

    def holds_as(self, other: Shelf) -> bool:
        """Whether another shelf serves these very documents."""
        return all(
            _serve_the_same(self.files.get(file, _NOTHING), other.files.get(file, _NOTHING))
            for file in self.files.keys() | other.files.keys()
        )


def next_shelf(before: Shelf | None, paths: Sequence[str]) -> Shelf:
    """Look at everything, read what has changed. Without a shelf before, every text is believed at once.

    A path that was a folder and is gone, as when its file system is unmounted, keeps what it held, and so
    does one that is another folder now with nothing in it. Where nothing at all has changed, the shelf
    is the one before.
    """
    found = folder.look(paths)
    former = before or Shelf()
    unseen = {path: why for path, why in found.unseen.items() if path not in former.files}
    unseen |= dict(_vanished(former, found))
    files = {}
    for file in sorted(found.files.keys() | former.files.keys()):
        held = _next(former.files.get(file), file, found, unseen, first=before is None)
        if held is not None and not held.empty:
            files[file] = held
    known = {path: each for path, each in found.folders.items() if path not in unseen}
    after = Shelf(files, {**former.folders, **known}, unseen)
    return before if before is not None and _same(before, after) else after


_NOTHING = Held()


def _serve_the_same(one: Held, other: Held) -> bool:
    return (one.documents is other.documents or not (one.documents or other.documents)) and (
        one.mentions == other.mentions
    )


def _same(before: Shelf, after: Shelf) -> bool:
    return (
        before.files.keys() == after.files.keys()
        and all(held is before.files[file] for file, held in after.files.items())
        and (before.folders, before.unseen) == (after.folders, after.unseen)
    )


def _vanished(former: Shelf, found: Look) -> Iterator[tuple[str, str]]:
    """The paths whose folder cannot be the one that it was, and why."""
    for path, identity in former.folders.items():
        if path in found.missing:
            yield path, _GONE
        elif found.folders.get(path, identity) != identity:
            held, here = (any(_within(file, [path]) for file in files) for files in (former.files, found.files))
            if held and not here:
                yield path, _EMPTIED


def _within(file: str, folders: Iterable[str]) -> bool:
    return any(Path(file).is_relative_to(each) for each in folders)


def _next(held: Held | None, file: str, found: Look, unseen: Iterable[str], *, first: bool) -> Held | None:
    """What is held of one file after a look; None: nothing is known of it."""
    if file in found.unseen:
        return (held or Held()).failed(_unreadable(file, found.unseen[file]))
    stamp = found.files.get(file)
    if held is not None:
        if stamp is None and _within(file, unseen):
            return held
        if stamp == held.latest.stamp:
            return held.seen_again()
    return _read(held or Held(), file, stamp, first=first)


def _read(held: Held, file: str, stamp: Stamp | None, *, first: bool) -> Held:
    try:
        text = _text(held, file, stamp)
    except OSError as error:
        return held.failed(_unreadable(file, error.strerror or str(error)))
    if text is None:
        return held
    return held.settled(text) if first else held.seen(text)


def _text(held: Held, file: str, stamp: Stamp | None) -> Text | None:
    """A file's text, read, unless it was seen before; None if it is being written. Raises OSError."""
    if stamp is None:
        return ABSENT
    try:
        text = folder.read(file, stamp)
    except ManifestError as error:
        return Text(stamp, Reading(errors=[error]))
    if text is None:
        return None
    digest = blake2b(text.encode(), digest_size=_DIGEST).digest()
    return Text(stamp, held.known(digest) or read_documents(text, file), digest)


def _unreadable(path: str, why: str) -> ManifestError:
    advice = ": let this user read it, or take it out" if why == os.strerror(errno.EACCES) else ""
    return ManifestError(path, 1, 1, why + advice)
