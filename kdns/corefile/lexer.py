"""Corefile text to tokens, as caddy's `caddyfile/lexer.go` cuts it.

Blanks part words; a quote opens only at a word's start and closes the word; `#` is a comment only
at a word's start. Two differences: a quote that never closes is an error (its word is taken to end with
the line), and a backslash at a line's end continues the line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kdns.errors import CorefileError

Via = tuple[tuple[str, int], ...]
"""Where a text was imported: `(file, line)` of each `import`, outermost first."""

_PIECE = re.compile(
    r"""
      (?P<newline> \n )
    | (?P<blank> [^\S\n]+ | \\\n )
    | (?P<comment> \# [^\n]* )
    | " (?P<quoted> (?: \\. | [^"\\] )* ) "
    | " (?P<unclosed> [^\n]*? ) (?= (?: [^\S\n]+ \{ )? [^\S\n]* (?: \n | \Z ) )
    | (?P<word> (?: \\ (?!\n) | [^\s\\] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word of a Corefile and its place; `line` counts from 1."""

    text: str
    file: str
    line: int
    quoted: bool = False
    via: Via = ()
    indent: int | None = None
    """Columns before it if it is the first word of a line, else None; a continued line is one line."""

    @property
    def begins_line(self) -> bool:
        return self.indent is not None

    @property
    def opens(self) -> bool:
        return self.text == "{" and not self.quoted

    @property
    def closes(self) -> bool:
        return self.text == "}" and not self.quoted

    @property
    def is_brace(self) -> bool:
        return self.opens or self.closes

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def error(self, text: str) -> CorefileError:
        """A mistake at this word; says where the word was imported, if it was."""
        return CorefileError(self.file, self.line, text + imported_at(self.via))


def imported_at(via: Via) -> str:
    """How a message about imported text ends: ` (imported at FILE:LINE)`, the innermost import first."""
    if not via:
        return ""
    places = [f"{file}:{line}" for file, line in reversed(via)]
    return f" (imported at {', itself imported at '.join(places)})"


def tokenize(text: str, file: str, via: Via = ()) -> tuple[list[Token], list[CorefileError]]:
    """The words of a Corefile, and an error for a quote that is not closed, at the line where it opens.

    The word of such a quote ends with its line, or before a `{` there, so that what follows can be read.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    tokens: list[Token] = []
    errors = []
    line, line_start, fresh = 1, 0, True
    for piece in _PIECE.finditer(text):
        match piece.lastgroup:
            case "newline":
                fresh, line_start = True, piece.end()
            case "word" | "quoted" | "unclosed" as kind:
                indent = len(text[line_start : piece.start()].expandtabs()) if fresh else None
                tokens.append(Token(_value(piece, kind), file, line, kind != "word", via, indent))
                fresh = False
                if kind == "unclosed":
                    errors.append(tokens[-1].error("the quote that opens here is not closed: add a '\"'"))
        line += piece[0].count("\n")
    return tokens, errors


def _value(piece: re.Match[str], kind: str) -> str:
    # Only \" is an escape: patterns and templates keep their backslashes.
    return piece[kind] if kind == "word" else piece[kind].replace('\\"', '"')
