"""Tokens to server blocks, in the grammar of caddy's `caddyfile/parse.go`.

More than CoreDNS takes is accepted where the meaning is plain: `. { whoami }` on one line,
`cache 30 { success 9 }`, zones parted by bare commas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kdns.corefile.address import looks_like_key, parse_key
from kdns.corefile.block import Directive, Key, ServerBlock
from kdns.corefile.lexer import Token
from kdns.corefile.mistakes import Mistakes
from kdns.errors import CorefileError

MAX_DEPTH = 8
"""Blocks inside blocks, the server block included."""


@dataclass(slots=True)
class Grammar:
    """Recursive descent over tokens whose braces match: each method reads from `at` on.

    Mistakes are gathered; what is read after one is still right, but not to be used.
    """

    tokens: Sequence[Token]
    default_port: int
    mistakes: Mistakes
    at: int = 0

    def server_blocks(self) -> tuple[ServerBlock, ...]:
        blocks = []
        while first := self._peek():
            keys = self._keys()
            if opener := self._take_opener():
                lines = self._lines(1)
                if first is opener:
                    text = "a server block needs a zone before its '{', as in '.:53 {'"
                    self.mistakes.add(first.error(text))
            else:
                keys, lines = self._without_braces(keys)
            directives = self._directives(lines, first)
            blocks.append(ServerBlock(self._addresses(keys), directives, first.file, first.line))
        return tuple(blocks)

    def _directives(self, lines: Sequence[Directive], block: Token) -> tuple[Directive, ...]:
        by_name: dict[str, list[Directive]] = {}
        for line in lines:
            try:
                _check_directive(line, block)
            except CorefileError as error:
                self.mistakes.add(error)
            else:
                by_name.setdefault(line.name, []).append(line)
        return tuple(replace(same[0], again=tuple(same[1:])) for same in by_name.values())

    def _addresses(self, keys: Sequence[Token]) -> tuple[Key, ...]:
        addresses: list[Key] = []
        for key in keys:
            try:
                addresses += parse_key(key, self.default_port)
            except CorefileError as error:
                self.mistakes.add(error)
        return tuple(addresses)

    def _keys(self) -> list[Token]:
        """The zones before a block: on one line, or on more with a comma at each line's end."""
        keys: list[Token] = []
        last = None
        while (token := self._peek()) and not token.is_brace:
            if token.begins_line and last is not None and not _ends_in_comma(last):
                break
            self.at += 1
            last = token
            texts = [token.text] if token.quoted or not token.text else token.text.split(",")
            keys += [token._replace(text=text) for text in texts if text or not token.text]
        if last is not None and _ends_in_comma(last):
            self.mistakes.add(last.error(f"a zone is missing after '{last.text}': remove the comma"))
        return keys

    def _without_braces(self, keys: list[Token]) -> tuple[list[Token], list[Directive]]:
        """The rest of the file; or the block below, if zones stand on several lines without commas."""
        lines: list[Directive] = []
        while token := self._peek():
            if looks_like_key(token.text) and not lines:
                self.mistakes.add(_no_comma(keys[-1], token))
                keys = keys + self._keys()
                if self._take_opener():
                    return keys, self._lines(1)
            elif looks_like_key(token.text) and self._line_opens_block():
                self.mistakes.add(_not_alone(keys[0], token))
                break
            else:
                self._add_line(lines, 1)
        return keys, lines

    def _line_opens_block(self) -> bool:
        """Whether the line that begins here goes on to a '{'."""
        for token in self.tokens[self.at + 1 :]:
            if token.begins_line or token.is_brace:
                return token.opens
        return False

    def _lines(self, depth: int) -> list[Directive]:
        """The lines up to the '}' of the block whose '{' was just read."""
        lines: list[Directive] = []
        while not self._next().closes:
            self._add_line(lines, depth)
        self.at += 1
        return lines

    def _add_line(self, lines: list[Directive], depth: int) -> None:
        opener = self._take_opener()
        if opener is None:
            lines.append(self._line(depth))
            return
        where = f"on line {lines[-1].line}, after '{lines[-1].name}'" if lines else "after a directive"
        self.mistakes.add(opener.error(f"this '{{' stands alone: put it {where}"))
        self._block(opener, depth + 1)

    def _line(self, depth: int) -> Directive:
        name = self._next()
        self.at += 1
        words = []
        while (token := self._peek()) and not token.begins_line and not token.is_brace:
            words.append(token)
            self.at += 1
        line = Directive(name.text, name.file, name.line, tuple(words), via=name.via)
        if token is None or not token.opens or token.begins_line:
            return line
        self.at += 1
        return replace(line, body=self._block(token, depth + 1), braces=True)

    def _block(self, opener: Token, depth: int) -> tuple[Directive, ...]:
        """The lines of a directive's block, whose '{' was just read."""
        if depth > MAX_DEPTH:
            text = f"blocks stand at most {MAX_DEPTH} deep inside one another"
            self.mistakes.add(opener.error(text))
            self._skip_block()
            return ()
        lines = self._lines(depth)
        token = self._peek()
        if token and not token.begins_line and not token.is_brace:
            self.mistakes.add(token.error(f"'{token.text}' follows a '}}': begin a new line with it"))
        return tuple(lines)

    def _skip_block(self) -> None:
        depth = 1
        while depth:
            depth += self._next().opens - self._next().closes
            self.at += 1

    def _take_opener(self) -> Token | None:
        token = self._peek()
        if token is None or not token.opens:
            return None
        self.at += 1
        return token

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _next(self) -> Token:
        """The token here, where one must be, as every block is closed."""
        return self.tokens[self.at]


def _ends_in_comma(token: Token) -> bool:
    return token.text.endswith(",") and not token.quoted


def _check_directive(line: Directive, block: Token) -> None:
    """Raise CorefileError for what cannot stand in a server block, whichever directives there are."""
    if not line.name:
        raise line.error("the name of a directive is empty (a variable that is not set?)")
    if line.name.startswith("(") and line.name.endswith(")"):
        raise line.error(f"a snippet inside a server block: define '{line.name}' outside, above it")
    if line.braces and looks_like_key(line.name):
        raise line.error(
            f"the server block '{line.name}' stands inside that of line {block.line}: "
            "close the outer one with '}' first"
        )


def _no_comma(last: Token, zone: Token) -> CorefileError:
    return last.error(
        f"no '{{' after '{last.text}': add one, or a comma if '{zone.text}' on line {zone.line} has the same block"
    )


def _not_alone(first: Token, zone: Token) -> CorefileError:
    return zone.error(
        f"'{zone.text}' cannot begin a block, as that of line {first.line} has no braces: "
        f"put '{{' after '{first.text}' and '}}' before this line"
    )
