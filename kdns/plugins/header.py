"""*header* - sets and clears flags of questions and replies.

Description

Flags of a question are changed before the next plugin sees it: with RD cleared, *forward* asks its upstreams
not to recurse. Flags of a reply are changed after the plugin that made it. The client sees what `response`
says; of what `query` says only the effect, since a reply repeats the RD of the question as it came
(RFC 1035 §4.1.1) unless `response` says otherwise.

Syntax

~~~
header {
    [query|response] ACTION FLAGS...
}
~~~

* ACTION: `set` or `clear`; without `query` or `response` before it, it is about replies.
* FLAGS: `aa` (authoritative answer), `ra` (recursion available), `rd` (recursion desired).

Lines are applied in their order, so the last one about a flag counts.

Examples

Stub resolvers that expect a recursive server are content with this:

~~~ corefile
. {
    header {
        response set ra
    }
    whoami
}
~~~

Upstreams that are not to recurse, and are not taken for authoritative:

~~~ corefile
. {
    header {
        query clear rd
        response clear aa
    }
    whoami
}
~~~

See also

CoreDNS's *header*, whose syntax this is. There `query` changes the RD that the client sees as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.corefile.near import near
from kdns.errors import CorefileError, CorefileErrors
from kdns.proto.types import Flag
from kdns.site import Site

REPEATABLE = True
"""The first line that says something counts (as in CoreDNS)."""

_FLAGS = {"aa": Flag.AA, "ra": Flag.RA, "rd": Flag.RD}
_FIELDS = {Flag.AA: "authoritative", Flag.RA: "recursion", Flag.RD: "desired"}
"""What a response calls them."""
_ACTIONS = {"set": True, "clear": False}
_SIDES = ("query", "response")
_USAGE = "[query|response] set|clear aa|ra|rd..."


class Rule(NamedTuple):
    """One flag of questions or replies, and what becomes of it."""

    side: str
    flag: Flag
    state: bool


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes rules, one at least."""
    each = [_rules(line) for line in directive.every]
    rules = next(filter(None, each), None)
    if not rules:
        raise directive.error(f"'header' takes at least one line in its block: {_USAGE}")
    asked = {rule.flag: rule.state for rule in rules if rule.side == "query"}
    told = {_FIELDS[rule.flag]: rule.state for rule in rules if rule.side == "response"}
    return partial(Header, asked=asked, told=told)


def _rules(directive: Directive) -> list[Rule]:
    directive.no_arguments()
    rules: list[Rule] = []
    mistakes: list[CorefileError] = []
    for line in directive.body:
        try:
            rules += _rule(line)
        except CorefileError as error:
            mistakes.append(error)
    if mistakes:
        raise CorefileErrors(mistakes)
    return rules


def _rule(line: Directive) -> Iterable[Rule]:
    line.no_block()
    first, words = line.name.lower(), line.words
    if first in _ACTIONS:
        side, action = "response", first
    elif first in _SIDES:
        if not words:
            raise line.error(f"'{line.name}' takes set or clear, and flags: {_USAGE}")
        side, action, words = first, words[0].text.lower(), words[1:]
    else:
        raise line.error(f"'header' has no option '{line.name}'{near(first, (*_SIDES, *_ACTIONS))}: {_USAGE}")
    if action not in _ACTIONS:
        raise line.error(f"'{line.name}' takes set or clear, not '{line.args[0]}'{near(action, _ACTIONS)}", 0)
    if not words:
        raise line.error(f"'{action}' takes at least one of {', '.join(_FLAGS)}")
    return [Rule(side, _flag(line, word), _ACTIONS[action]) for word in words]


def _flag(line: Directive, word: Token) -> Flag:
    flag = _FLAGS.get(word.text.lower())
    if flag is None:
        raise line.error(f"'{word.text}' is none of the flags {', '.join(_FLAGS)}", word)
    return flag


@dataclass(frozen=True, slots=True)
class Header:
    """`asked` are flags of questions, `told` fields of responses, with what they shall be."""

    next: Handler
    asked: Mapping[Flag, bool]
    told: Mapping[str, bool]

    async def __call__(self, query: Query) -> Response:
        response = await self.next(self._changed(query) if self.asked else query)
        return replace(response, **self.told) if self.told else response  # type: ignore[arg-type]

    def _changed(self, query: Query) -> Query:
        """A copy: the reply is made to the question as it came."""
        flags = query.message.flags
        for flag, state in self.asked.items():
            flags = flags | flag if state else flags & ~flag
        return replace(query, message=query.message._replace(flags=flags))
