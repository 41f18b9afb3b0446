"""Everything kdns raises on purpose.

    KdnsError
    ├── StartError        the process cannot start: a file that is not there, a page's address in use
    │   └── PortError     a port to answer on cannot be had; knows which
    ├── NameSyntaxError   a text that is no domain name (RFC 1035 §2.3.4)
    ├── WireError         bytes that are no DNS message; knows the rcode to answer with
    ├── CorefileError     one mistake in a Corefile, with its `file:line:`
    ├── CorefileErrors    all the mistakes of a Corefile, in the order of their places
    └── ManifestError     one mistake in a manifest, with its `file:document:line:`

Bad input ends in one of these; anything else that is raised is a defect of kdns.
"""

from __future__ import annotations

from collections.abc import Iterable


class KdnsError(Exception):
    """The root of the tree above."""


class StartError(KdnsError):
    """Says in one line what is missing or in the way, and what to do about it."""


class PortError(StartError):
    """Ends in advice to choose another port; where that is said, only who chose it knows."""

    def __init__(self, text: str, port: int) -> None:
        super().__init__(text)
        self.port = port


class NameSyntaxError(KdnsError):
    """A text that is no domain name."""


class WireError(KdnsError):
    """Bytes that cannot be read as a DNS message; `rcode` is the answer they deserve."""

    def __init__(self, text: str, rcode: int = 1) -> None:
        super().__init__(text)
        self.rcode = rcode


class CorefileError(KdnsError):
    """One mistake in a Corefile; `str()` is `file:line: text`."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(f"{file}:{line}: {text}")
        self.file = file
        self.line = line
        self.text = text


class CorefileErrors(KdnsError):
    """All the mistakes of a Corefile (at least one), each a `CorefileError`; `str()` has a line for each.

    `rest` is what could be made in spite of them, a Corefile or a Plan, for who looks for further mistakes in it.
    """

    def __init__(self, errors: Iterable[CorefileError], rest: object = None) -> None:
        self.errors = tuple(errors)
        self.rest = rest
        super().__init__("\n".join(str(error) for error in self.errors))


class ManifestError(KdnsError):
    """One mistake in a manifest; `str()` is `file:document:line: text`."""

    def __init__(self, file: str, document: int, line: int, text: str) -> None:
        super().__init__(f"{file}:{document}:{line}: {text}")
        self.file = file
        self.document = document
        self.line = line
        self.text = text
