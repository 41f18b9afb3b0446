"""Braces made to match, file by file, before the grammar reads them.

What is wrong with the braces of a file is said here, once and at its place, and mended in the
tokens, so that the rest of the file can be checked without a trail of nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from kdns.corefile.address import looks_like_key
from kdns.corefile.lexer import Token
from kdns.errors import CorefileError

# A brace stuck to a plain word, not one of a pattern or a template (`{1}`, `a{3}`, `{{`, `\}`).
_STUCK: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(\{)(\})"), "put a blank between '{' and '}'"),
    (re.compile(r"(.*[^{\\$])(\{)", re.DOTALL), "put a blank before '{'"),
    (re.compile(r"([\w.:/,*@%-]+)(\})"), "put a blank before '}'"),
    (re.compile(r"(\{)([\w.:/*@-]+)"), "put a blank after '{'"),
    (re.compile(r"(\})([\w.:/*@(-].*)", re.DOTALL), "put a blank after '}'"),
)


def unstick(tokens: Iterable[Token]) -> tuple[list[Token], list[CorefileError]]:
    """The tokens with `zone{`, one word to CoreDNS, parted into `zone` and `{`; an error for each."""
    parted: list[Token] = []
    errors = []
    for token in tokens:
        for pattern, advice in _STUCK if _may_be_stuck(token) else ():
            if found := pattern.fullmatch(token.text):
                errors.append(token.error(f"{advice} in '{token.text}'"))
                parted += (token._replace(text=found[1]), token._replace(text=found[2], indent=None))
                break
        else:
            parted.append(token)
    return parted, errors


def _may_be_stuck(token: Token) -> bool:
    return not token.quoted and len(token.text) > 1 and ("{" in token.text or "}" in token.text)


def balance(tokens: Sequence[Token]) -> tuple[list[Token], list[CorefileError]]:
    """The tokens with as many `}` as `{`, never one too early; an error for each added or dropped.

    Where a `}` is missing can only be guessed: by the indentation, by a server block that begins
    inside another, or else at the end. The first guess that adds no more than are missing is taken.
    """
    servers = _server_starts(tokens)
    plain = _match(tokens, servers, _never)
    if plain.missing:
        for guess in (_outdented, _another_server) if _is_indented(tokens) else (_another_server,):
            guessed = _match(tokens, servers, guess)
            if guessed.missing == plain.missing:
                return guessed.out, guessed.errors
    return plain.out, plain.errors


class _Opener(NamedTuple):
    """A line that opened a block: its first word, its `{`, the columns before it."""

    name: str
    brace: Token
    indent: int


_Guess = Callable[[_Opener, Token, bool], bool]
"""Whether a block should have been closed before a word, at which a server block may begin."""


def _outdented(opener: _Opener, token: Token, server: bool) -> bool:
    if token.indent is None:
        return False
    return token.indent < opener.indent or (token.indent == opener.indent and not token.is_brace)


def _another_server(opener: _Opener, token: Token, server: bool) -> bool:
    return server


def _never(opener: _Opener, token: Token, server: bool) -> bool:
    return False


def _match(tokens: Sequence[Token], servers: Collection[int], guess: _Guess) -> _Matching:
    matching = _Matching()
    for index, token in enumerate(tokens):
        while matching.stack and guess(matching.stack[-1], token, index in servers):
            matching.close_missing(token)
        matching.read(token)
    while matching.stack:
        matching.close_missing(tokens[-1])
    return matching


@dataclass(slots=True)
class _Matching:
    """One reading of a file's braces, under one guess."""

    out: list[Token] = field(default_factory=list)
    errors: list[CorefileError] = field(default_factory=list)
    stack: list[_Opener] = field(default_factory=list)
    missing: int = 0
    first: Token | None = None
    """The first word of the statement that is being read."""
    indent: int = 0
    """Of the line that is being read."""
    outermost: tuple[_Opener, int] | None = None
    """The last server block or snippet that was closed, and where in `out` its `}` is."""

    def read(self, token: Token) -> None:
        if token.indent is not None:
            self.indent = token.indent
        if token.opens:
            self._open(token)
        elif token.closes:
            self._close(token)
        else:
            self.first = token if token.begins_line or self.first is None else self.first
            self.out.append(token)

    def close_missing(self, before: Token) -> None:
        opener = self.stack.pop()
        self.missing += 1
        self.first = None
        self.out.append(opener.brace._replace(text="}", line=before.line, indent=None))
        name = f" of '{opener.name}'" if opener.name else ""
        text = f"the block{name} that opens here is not closed: a '}}' is missing"
        self.errors.append(opener.brace.error(text))

    def _open(self, token: Token) -> None:
        name = self.first.text if self.first else ""
        self.first = None
        self.stack.append(_Opener(name, token, self.indent))
        self.out.append(token)

    def _close(self, token: Token) -> None:
        self.first = None
        if self.stack:
            opener = self.stack.pop()
        elif self.outermost is None:
            self.errors.append(token.error("this '}' closes nothing: no block is open"))
            return
        else:
            opener = self._reopen(token, *self.outermost)
        self.out.append(token)
        if not self.stack and (self.outermost is None or _is_outer(opener.name)):
            self.outermost = opener, len(self.out) - 1

    def _reopen(self, token: Token, opener: _Opener, end: int) -> _Opener:
        # More likely an earlier '}' was too many: what stands between belongs to that block.
        ended = self.out.pop(end)
        text = f"the last block opens at line {opener.brace.line} and ends at line {ended.line}"
        self.errors.append(token.error(f"a '}}' too many, or a '{{' missing: {text}"))
        return opener


def _is_outer(name: str) -> bool:
    return looks_like_key(name) or name.startswith("(")


def _is_indented(tokens: Sequence[Token]) -> bool:
    """Whether the lines of each block are further in than its opening line."""
    indent = 0
    for token, following in pairwise(tokens):
        indent = token.indent if token.indent is not None else indent
        inner = following.indent
        if token.opens and inner is not None and inner <= indent and not following.closes:
            return False
    return True


def _server_starts(tokens: Sequence[Token]) -> set[int]:
    """Where lines begin that look like `zone {`."""
    starts = [index for index, token in enumerate(tokens) if token.begins_line]
    return {
        start
        for start, end in pairwise([*starts, len(tokens)])
        if looks_like_key(tokens[start].text) and tokens[end - 1].opens
    }
