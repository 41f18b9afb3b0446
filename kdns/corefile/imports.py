"""A Corefile and what it imports as one stream of tokens (caddy's `caddyfile/parse.go`, doImport).

A snippet is defined before its use; a path is relative to the file that holds the `import`.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from kdns.corefile.lexer import Token, Via
from kdns.corefile.mistakes import Mistakes
from kdns.corefile.near import near
from kdns.corefile.sources import Sources, Tokens, is_snippet, snippet_name

MAX_IMPORTS = 10_000
"""Files and snippets that one Corefile may bring in, each use counted."""
MAX_CHAIN = 50
"""Imports inside imports."""

_WILD = frozenset("*?[")


@dataclass(slots=True)
class Imports:
    """Follows imports. Mistakes are gathered; an import that is not right brings nothing."""

    sources: Sources
    mistakes: Mistakes
    _defined: dict[str, tuple[Token, Tokens]] = field(default_factory=dict)
    """The snippets met so far: where, and what is in their braces."""
    _used: int = 0

    def follow(self, tokens: Tokens, file: str) -> list[Token]:
        """The tokens of a file with every import replaced by what it brings; their braces match."""
        return list(self._expand(tokens, 0, (os.path.normpath(file),)))

    def _expand(self, tokens: Sequence[Token], depth: int, active: tuple[str, ...]) -> Iterator[Token]:
        at, fresh = 0, True
        while at < len(tokens):
            token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else None
            fresh = fresh or token.begins_line
            if fresh and token.text == "import":
                end = _end_of_words(tokens, at + 1)
                yield from self._import(tokens[at:end], depth, active)
                at = self._skip_block(tokens, end)
            elif fresh and depth == 0 and is_snippet(token, following):
                end = _end_of_block(tokens, at + 1)
                self._define(token, tokens[at + 2 : end])
                at = end + 1
            else:
                yield token
                depth += token.opens - token.closes
                at, fresh = at + 1, token.is_brace

    def _skip_block(self, tokens: Sequence[Token], at: int) -> int:
        if at == len(tokens) or not tokens[at].opens:
            return at
        self.mistakes.add(tokens[at].error("'import' takes no block: remove its '{' and '}'"))
        return _end_of_block(tokens, at) + 1

    def _define(self, token: Token, body: Sequence[Token]) -> None:
        name = snippet_name(token)
        if not name:
            self.mistakes.add(token.error("a snippet needs a name, as in '(name) {'"))
        elif name in self._defined:
            place = self._defined[name][0].place
            text = f"the snippet '{name}' is defined at {place} already: choose another name"
            self.mistakes.add(token.error(text))
        else:
            # The body of '(name) { log }' begins no line there, but does where it is imported.
            first = [word._replace(indent=word.indent or 0) for word in body[:1]]
            self._defined[name] = token, (*first, *body[1:])

    def _import(self, words: Sequence[Token], depth: int, active: tuple[str, ...]) -> Iterator[Token]:
        word = words[0]
        if len(words) != 2 or not words[1].text:
            given = "an empty text" if len(words) == 2 else len(words) - 1
            text = f"'import' takes one argument, a file, a glob or a snippet, not {given}"
            self.mistakes.add(word.error(text))
            return
        via = (*word.via, (word.file, word.line))
        for source, tokens in self._find(word, words[1].text, via):
            if refusal := self._refusal(source, active):
                self.mistakes.add(word.error(refusal))
            elif self._used <= MAX_IMPORTS:
                brought = [token._replace(via=via) for token in tokens]
                yield from self._expand(brought, depth, (*active, source))

    def _refusal(self, source: str, active: tuple[str, ...]) -> str:
        self._used += 1
        if source in active:
            chain = " -> ".join((*active[active.index(source) :], source))
            return f"'{source}' would import itself ({chain}): remove this import"
        if len(active) > MAX_CHAIN:
            return f"more than {MAX_CHAIN} imports inside one another: import '{source}' further out"
        if self._used == MAX_IMPORTS + 1:
            return f"more than {MAX_IMPORTS} imports in all: this one is too many"
        return ""

    def _find(self, word: Token, wanted: str, via: Via) -> Iterator[tuple[str, Tokens]]:
        """What tells a file or snippet from others, and its tokens."""
        path = str(PurePath(word.file).parent / wanted)
        if wanted in self._defined:
            yield f"({wanted})", self._defined[wanted][1]
        elif _WILD.isdisjoint(wanted):
            yield from self._read(word, path, via, self._not_found(wanted, path))
        else:
            for file in self._matches(word, path, wanted):
                yield from self._read(word, file, via, f"'{file}' is gone")

    def _matches(self, word: Token, pattern: str, wanted: str) -> list[str]:
        try:
            files = self.sources.matches(pattern)
        except (OSError, ValueError) as error:
            self.mistakes.add(word.error(f"'{wanted}' cannot be imported: {error}"))
            return []
        if not files:
            self.mistakes.warn(word, f"no file matches the import of '{wanted}'")
        return files

    def _read(self, word: Token, path: str, via: Via, absent: str) -> Iterator[tuple[str, Tokens]]:
        try:
            tokens = self.sources.file(path, via)
        except FileNotFoundError:
            self.mistakes.add(word.error(absent))
        except UnicodeDecodeError as error:
            reason = f"it is not UTF-8 at byte {error.start}"
            self.mistakes.add(word.error(f"'{path}' cannot be imported: {reason}"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.mistakes.add(word.error(f"'{path}' cannot be imported: {reason}"))
        else:
            yield os.path.normpath(path), tokens

    def _not_found(self, wanted: str, path: str) -> str:
        if later := self.sources.snippets.get(wanted):
            return f"the snippet '{wanted}' is used above its definition at {later.place}: move that up"
        where = f" (looked for {path})" if path != wanted else ""
        return f"there is no snippet and no file '{wanted}'{where}{near(wanted, self._defined)}"


def _end_of_words(tokens: Sequence[Token], at: int) -> int:
    while at < len(tokens) and not tokens[at].begins_line and not tokens[at].is_brace:
        at += 1
    return at


def _end_of_block(tokens: Sequence[Token], at: int) -> int:
    """Where the '}' is that goes with the '{' at `at`."""
    depth = 0
    while True:
        depth += tokens[at].opens - tokens[at].closes
        if depth == 0:
            return at
        at += 1
