"""The files of a Corefile, each read once and made into tokens whose braces match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from kdns.corefile.braces import balance, unstick
from kdns.corefile.disk import Disk
from kdns.corefile.lexer import Token, Via, tokenize
from kdns.corefile.mistakes import Mistakes
from kdns.corefile.variables import substitute, unset

Tokens = tuple[Token, ...]


@dataclass(slots=True)
class Sources:
    """Gathers the mistakes of the files it reads; a file that is not right is mended or empty."""

    environ: Mapping[str, str]
    disk: Disk
    mistakes: Mistakes
    read: dict[str, Tokens] = field(default_factory=dict)
    """Every file read, in that order, the Corefile first."""
    globs: dict[str, None] = field(default_factory=dict)
    """The patterns asked for, in that order."""
    snippets: dict[str, Token] = field(default_factory=dict)
    """Every snippet written in these files, by name, wherever it stands."""

    def file(self, path: str, via: Via) -> Tokens:
        """The tokens of an imported file. Raises OSError and ValueError as the disk does."""
        if path not in self.read:
            self.take_in(self.disk.read(path), path, via)
        return self.read[path]

    def matches(self, pattern: str) -> list[str]:
        """The files that match a pattern. Raises OSError and ValueError as the disk does."""
        self.globs[pattern] = None
        return self.disk.glob(pattern)

    def take_in(self, text: str, path: str, via: Via = ()) -> Tokens:
        """The tokens of a text that is at hand."""
        words, unclosed = tokenize(text, path, via)
        parted, stuck = unstick(words)
        balanced, unmatched = balance(parted)
        self.mistakes.add(*unclosed, *stuck, *unmatched)
        tokens = self.read[path] = tuple(map(self._put_variables_in, balanced))
        for token, following in pairwise(tokens):
            if is_snippet(token, following):
                self.snippets.setdefault(snippet_name(token), token)
        return tokens

    def _put_variables_in(self, token: Token) -> Token:
        if "{" not in token.text:
            return token
        for name in unset(token, self.environ):
            self.mistakes.warn(token, f"the variable '{name}' is not set: nothing stands in its place")
        return substitute(token, self.environ)


def is_snippet(token: Token, following: Token | None) -> bool:
    """Whether `(name) {` stands here."""
    named = token.text.startswith("(") and token.text.endswith(")")
    return named and following is not None and following.opens


def snippet_name(token: Token) -> str:
    return token.text[1:-1]
