"""*log* - writes a line for each question and its reply.

Description

~~~
[INFO] 10.0.0.1:4021 - 12 "A IN web.svc.cluster.local. udp 55 false 1232" NOERROR qr,aa,rd 71 0.000123456s
~~~

Replies that are given again without running the plugins are logged as well. Each then has to be decoded to be
written down, so a server that logs every reply answers fewer; `class error` costs next to nothing while there
are no errors. Other log lines of kdns do not depend on this plugin.

Several *log* may stand in a server block. They are tried in their order, and the first whose names fit the
question decides about it, whether its classes fit or not.

Syntax

~~~
log [NAMES...] [FORMAT] {
    class CLASSES...
}
~~~

* NAMES: log what is asked at or below these names; anything if there are none. `log stdout` names a zone.
* FORMAT: an argument with a `{` in it. `{common}` stands for the default, on one line:

  ~~~
  {remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}"
  {rcode} {>rflags} {rsize} {duration}
  ~~~

  and `{combined}` for the same with ` "{>opcode}"` after it.
* CLASSES: `success`, `denial` (NXDOMAIN, or no data of the type), `error` (anything else: SERVFAIL, REFUSED,
  a transfer), or `all`, which is the default.

The words of a format:

* `{type}` `{class}` `{name}`: of the question, the name in lower case
* `{proto}` `{size}`: of the query, `udp` or `tcp` and its bytes
* `{remote}` `{port}` `{local}`: the client's address and port, the server's address; IPv6 in brackets
* `{>id}` `{>opcode}` `{>do}` `{>bufsize}`: of the query; `{>bufsize}` is what it can take, 512 without EDNS,
  65535 over TCP
* `{rcode}` `{>rflags}` `{rsize}`: of the reply; `{rsize}` in bytes as sent, 0 where nothing was sent
* `{duration}`: from question to reply, in seconds
* `{reason}`: why the reply is what it is, in a word of *kubernetes*'s list, or `-` (not in CoreDNS)
* `{/log/class}` `{/log/type}`: the class of the reply as above; NOERROR, NODATA, NXDOMAIN, DELEGATION, …
* `{/LABEL}`: what *metadata* collected under this label, or `-`. Replies written with such a word are not
  given again without running the plugins, since labels may differ from client to client.

Examples

~~~ corefile
. {
    log
    whoami
}
~~~

Errors anywhere, and every denial below example.org in a format of its own:

~~~ corefile
. {
    log example.org "{remote} {name} {type} {rcode} {reason}" {
        class denial
    }
    log . {
        class error
    }
    whoami
}
~~~

With the namespace of the client:

~~~ corefile
. {
    metadata
    log . "{common} {/kubernetes/client-namespace}"
    whoami
}
~~~

Metrics

* `kdns_log_lost_total`: lines, of whatever part of the server, that could not be written to standard output,
  since nobody read it fast enough, or a disk was full. The server never waits for that.

See also

*errors*, *metadata*.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from kdns.chain import Handler, Hit, Plugin, Query, Response, Scope, Transport, failure
from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.corefile.near import near
from kdns.corefile.values import each, read_options
from kdns.errors import NameSyntaxError
from kdns.proto.encode import LARGEST, SMALLEST, encode, udp_limit
from kdns.proto.name import ROOT, Name, fold, from_text, is_at_or_below, to_text
from kdns.proto.ready import Ready
from kdns.proto.text import class_text, rcode_text, type_text
from kdns.proto.types import Flag, RCode, RRType
from kdns.site import Site

REPEATABLE = True

_queries = logging.getLogger("kdns.query")
"""Not named as a plugin's: its lines have no `plugin/log:` (CoreDNS, plugin/log/log.go)."""

COMMON = (
    '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}"'
    " {rcode} {>rflags} {rsize} {duration}"
)
COMBINED = COMMON + ' "{>opcode}"'
_CLASSES = ("success", "denial", "error", "all")
_WORD = re.compile(r"\{([>/]?[\w./-]+)\}")
_FLAGS = (
    (Flag.QR, "qr"),
    (Flag.AA, "aa"),
    (Flag.TC, "tc"),
    (Flag.RD, "rd"),
    (Flag.RA, "ra"),
    (Flag.AD, "ad"),
    (Flag.CD, "cd"),
)


class Outcome(NamedTuple):
    """What of a response holds for each of its replies. `kind` as CoreDNS's pkg/response names it."""

    kind: str
    rcode: int
    reason: str
    silent: bool = False

    @property
    def classification(self) -> str:
        """One of CLASSES."""
        return _CLASS_OF.get(self.kind, "error")


class Line(NamedTuple):
    """What a format can speak of. `seconds` from question to reply."""

    query: Query
    outcome: Outcome
    ready: Ready
    seconds: float


Part = Callable[[Line], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """What to log, and how. `labelled` tells that metadata is among it."""

    names: tuple[Name, ...]
    parts: tuple[Part, ...]
    classes: frozenset[str] = frozenset({"all"})
    labelled: bool = False

    def covers(self, name: Name) -> bool:
        """Whether this rule decides about a folded name."""
        return any(is_at_or_below(name, zone) for zone in self.names)

    def wants(self, outcome: Outcome) -> bool:
        """Whether its classes fit."""
        return "all" in self.classes or outcome.classification in self.classes

    def text(self, line: Line) -> str:
        """The line in this rule's format."""
        return "".join([part(line) for part in self.parts])


def setup(directive: Directive, site: Site) -> Plugin:
    """Makes a rule of each line."""
    rules = tuple(_rule(line) for line in directive.every)
    site.build.warnings += [warning for line in directive.every for warning in _unknown_words(line)]

    def compose(next: Handler) -> Handler:
        return Log(next, rules, site.build.clock, site.payload)  # the payload is known only now

    return compose


@dataclass(frozen=True, slots=True)
class Log:
    """Logs what comes from behind it. `clock` in seconds, `payload` caps replies over UDP, in bytes."""

    next: Handler
    rules: Sequence[Rule]
    clock: Callable[[], float]
    payload: int

    async def __call__(self, query: Query) -> Response:
        rule = next((rule for rule in self.rules if rule.covers(query.question.folded)), None)
        if rule is None:
            return await self.next(query)
        try:
            response = await self.next(query)
        except Exception as error:  # it is answered SERVFAIL, so that is logged
            response = failure(error)
        outcome = _outcome(query, response)
        return self._logged(rule, outcome, query, response) if rule.wants(outcome) else response

    def _logged(self, rule: Rule, outcome: Outcome, query: Query, response: Response) -> Response:
        limit = udp_limit(query.message, self.payload) if query.transport is Transport.udp else LARGEST
        ready = encode(query.message, response, limit, self.payload)
        self._write(rule, outcome, query, ready)
        keep = response.keep.shown(partial(self._again, rule, outcome))
        if rule.labelled:
            keep = keep.narrowed(scope=Scope.NOBODY)
        return replace(response, keep=keep)

    def _again(self, rule: Rule, outcome: Outcome, hit: Hit) -> None:
        self._write(rule, outcome, hit.query, hit.ready)

    def _write(self, rule: Rule, outcome: Outcome, query: Query, ready: Ready) -> None:
        line = Line(query, outcome, ready, self.clock() - query.started)
        _queries.info("%s", rule.text(line))


def _outcome(query: Query, response: Response) -> Outcome:
    reason = response.why.word if response.why else "-"
    return Outcome(_kind(query.question.type, response), response.rcode, reason, response.silent)


_CLASS_OF = {"NOERROR": "success", "DELEGATION": "success", "NODATA": "denial", "NXDOMAIN": "denial"}


def _kind(type: int, response: Response) -> str:
    """What CoreDNS calls such a reply (plugin/pkg/response/typify.go)."""
    if type in (RRType.AXFR, RRType.IXFR):
        return "META"
    found = {rrset.type for rrset in response.authority}
    match response.rcode:
        case RCode.NOERROR if response.answer or not found & {RRType.SOA, RRType.NS}:
            return "NOERROR"
        case RCode.NOERROR:
            return "NODATA" if RRType.SOA in found else "DELEGATION"
        case RCode.NXDOMAIN if not response.answer:
            return "NXDOMAIN"
        case RCode.SERVFAIL | RCode.NOTIMP:
            return "SERVERERROR"
    return "OTHERERROR"


def _bracketed(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip


def _flags(line: Line) -> str:
    if line.outcome.silent:
        return "-"
    return ",".join([text for flag, text in _FLAGS if line.ready.flags & flag])


def _bufsize(line: Line) -> str:
    if line.query.transport is Transport.tcp:
        return str(LARGEST)
    edns = line.query.message.edns
    return str(max(SMALLEST, edns.payload if edns else 0))


def _do(line: Line) -> str:
    edns = line.query.message.edns
    return "true" if edns and edns.do else "false"


WORDS: Mapping[str, Part] = {
    "type": lambda line: type_text(line.query.question.type),
    "name": lambda line: to_text(line.query.question.folded),
    "class": lambda line: class_text(line.query.question.klass),
    "proto": lambda line: line.query.transport.name,
    "size": lambda line: str(line.query.message.size),
    "remote": lambda line: _bracketed(line.query.client.ip),
    "local": lambda line: _bracketed(line.query.local.ip),
    "port": lambda line: str(line.query.client.port),
    ">id": lambda line: str(line.query.message.id),
    ">opcode": lambda line: str(line.query.message.flags >> 11 & 15),
    ">do": _do,
    ">bufsize": _bufsize,
    "rcode": lambda line: rcode_text(line.outcome.rcode),
    "rsize": lambda line: "0" if line.outcome.silent else str(len(line.ready)),
    ">rflags": _flags,
    "duration": lambda line: f"{line.seconds:.9f}s",
    "reason": lambda line: line.outcome.reason,
    "/log/class": lambda line: line.outcome.classification,
    "/log/type": lambda line: line.outcome.kind,
}
"""The words of a format without their braces, and what they write."""


def _rule(line: Directive) -> Rule:
    tokens, format = _names_and_format(line)
    options = read_options(line, {"class": each(_classes)})
    classes = frozenset[str]().union(*options.get("class", ())) or frozenset({"all"})
    names = tuple(_name(line, token) for token in tokens) or (ROOT,)
    labelled = any(word.startswith("/") and word not in WORDS for word in _WORD.findall(format))
    return Rule(names, tuple(_parts(format)), classes, labelled)


def _names_and_format(line: Directive) -> tuple[Sequence[Token], str]:
    """CoreDNS takes a format only behind a name; a brace in the only argument means no name either."""
    if not line.words or "{" not in line.words[-1].text:
        return line.words, COMMON
    *names, last = line.words
    return names, last.text.replace("{common}", COMMON).replace("{combined}", COMBINED)


def _classes(line: Directive) -> frozenset[str]:
    for place, text in enumerate(line.arguments(1, usage="class CLASSES...")):
        if text not in _CLASSES:
            has = f"{near(text, _CLASSES)} (it is one of {', '.join(_CLASSES)})"
            raise line.error(f"there is no class '{text}'{has}", place)
    return frozenset(line.args)


def _name(line: Directive, word: Token) -> Name:
    try:
        return fold(from_text(word.text or "."))  # a variable that is not set: the root (as in CoreDNS)
    except NameSyntaxError as error:
        raise line.error(f"'log' takes names: {error}", word) from None


def _unknown_words(line: Directive) -> Iterator[str]:
    """Words that no format has stand for themselves, as in CoreDNS; it is likely that something else was meant."""
    known = [f"{{{word}}}" for word in (*WORDS, "common", "combined")]
    for word in _WORD.findall(_names_and_format(line)[1]):
        if not word.startswith("/") and word not in WORDS:
            hint = near(f"{{{word}}}", known)
            meant = f"{hint} It" if hint else ": it"
            text = f"a log format has no word '{{{word}}}'{meant} is written as it stands"
            yield str(line.error(text, len(line.words) - 1))


def _parts(format: str) -> Iterator[Part]:
    at = 0
    for found in _WORD.finditer(format):
        if found.start() > at:
            yield _literal(format[at : found.start()])
        yield WORDS.get(found[1]) or (_label(found[1][1:]) if found[1].startswith("/") else _literal(found[0]))
        at = found.end()
    if at < len(format):
        yield _literal(format[at:])


def _literal(text: str) -> Part:
    def value(line: Line) -> str:
        return text

    return value


def _label(label: str) -> Part:
    def value(line: Line) -> str:
        read = line.query.metadata.get(label)
        return (read() if read else "") or "-"

    return value
