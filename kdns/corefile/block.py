"""What a Corefile says, before a plugin reads it: server blocks, their keys, their directives."""

from __future__ import annotations

from dataclasses import dataclass

from kdns.corefile.lexer import Token, Via, imported_at
from kdns.errors import CorefileError
from kdns.proto.name import Name


@dataclass(frozen=True, slots=True)
class Directive:
    """A line of a server block, or of a directive's own block.

    It has a name, arguments, perhaps lines in braces.
    """

    name: str
    file: str
    line: int
    words: tuple[Token, ...] = ()
    """The arguments."""
    body: tuple[Directive, ...] = ()
    """The lines between its braces, in their order, repeated names included."""
    braces: bool = False
    """Whether there were braces: `errors { }` has some and no body."""
    again: tuple[Directive, ...] = ()
    """Later directives of the same name in the same server block."""
    via: Via = ()

    @property
    def args(self) -> tuple[str, ...]:
        """The texts of the arguments."""
        return tuple(word.text for word in self.words)

    @property
    def every(self) -> tuple[Directive, ...]:
        """This directive and the later ones of its name."""
        return (self, *self.again)

    def error(self, text: str, word: Token | int | None = None) -> CorefileError:
        """A mistake on this line, or on that of an argument: a token, or an index in `words`."""
        if isinstance(word, int):
            word = self.words[word] if word < len(self.words) else None
        if isinstance(word, Token):
            return word.error(text)
        return CorefileError(self.file, self.line, text + imported_at(self.via))

    def no_arguments(self) -> None:
        """Raise CorefileError when there are arguments."""
        if self.words:
            raise self.error(f"'{self.name}' takes no arguments: remove '{self.words[0].text}'", 0)

    def no_block(self) -> None:
        """Raise CorefileError when there are braces."""
        if self.braces:
            raise self.error(f"'{self.name}' takes no block: remove its '{{' and '}}'")

    def arguments(self, least: int, most: int | None = None, usage: str = "") -> tuple[str, ...]:
        """The arguments, from `least` to `most` of them (None: no limit).

        Raises CorefileError with the count that would be right, and the usage (`ttl SECONDS`) if given.
        """
        count = len(self.words)
        if least <= count and (most is None or count <= most):
            return self.args
        usage = f": {usage}" if usage else ""
        word = most if most is not None and count > most else None
        raise self.error(f"'{self.name}' takes {_how_many(least, most)}, not {count}{usage}", word)


def _how_many(least: int, most: int | None) -> str:
    if most == 0:
        return "no arguments"
    last = least if most is None else most
    plural = "s" if last != 1 else ""
    if most is None:
        return f"at least {least} argument{plural}"
    return f"{most} argument{plural}" if least == most else f"{least} to {most} argument{plural}"


@dataclass(frozen=True, slots=True)
class Key:
    """One address of a server block: what to speak, about which zone, on which port."""

    scheme: str
    """'dns', 'tls', 'https', 'grpc', 'quic', 'https3' or 'unix'."""
    zone: Name
    """Folded."""
    port: int
    text: str
    """As written, e.g. '.:53'."""
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ServerBlock:
    """The keys of a server block and its directives."""

    keys: tuple[Key, ...]
    directives: tuple[Directive, ...]
    """Each name once, in the order of first appearance; repeats are in `.again`."""
    file: str
    line: int
