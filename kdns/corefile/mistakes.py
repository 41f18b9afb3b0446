"""What is wrong with a Corefile, gathered while the parser goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kdns.corefile.lexer import Token
from kdns.errors import CorefileError, CorefileErrors

_Said = dict[tuple[str, int, str], CorefileError]


@dataclass(slots=True)
class Mistakes:
    """Errors and warnings, each once for its place: a bad line of a snippet is not told per import."""

    _errors: _Said = field(default_factory=dict)
    _warnings: _Said = field(default_factory=dict)

    def add(self, *errors: CorefileError) -> None:
        for error in errors:
            self._errors.setdefault(_same(error), error)

    def warn(self, token: Token, text: str) -> None:
        warning = token.error(text)
        self._warnings.setdefault(_same(warning), warning)

    @property
    def warnings(self) -> tuple[str, ...]:
        """`file:line: text` of each, in the order in which they were found."""
        return tuple(map(str, self._warnings.values()))

    def raise_any(self, files: Sequence[str], rest: object = None) -> None:
        """Raise CorefileErrors if there are errors."""
        if self._errors:
            raise self.raised(files, rest)

    def raised(self, files: Sequence[str], rest: object = None) -> CorefileErrors:
        """The errors, sorted by line, file after file as given."""
        order = {file: index for index, file in enumerate(files)}
        by_place = sorted(self._errors.values(), key=lambda error: (order.get(error.file, len(order)), error.line))
        return CorefileErrors(by_place, rest)


class Gathered(list[CorefileError]):
    """The errors of one directive, all of which are told: its reader goes on after each."""

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Take in what is raised within."""
        try:
            yield
        except CorefileError as error:
            self.append(error)
        except CorefileErrors as several:
            self += several.errors

    def raise_any(self) -> None:
        """Raise CorefileErrors if there are any."""
        if self:
            raise CorefileErrors(self)


def _same(error: CorefileError) -> tuple[str, int, str]:
    return error.file, error.line, error.text.partition(" (imported at ")[0]
