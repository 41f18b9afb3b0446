"""A question about the cluster to its answer: pure, with no await, no clock, no client.

What a name looks like decides who answers it; see `names` for the forms.
"""

from __future__ import annotations

from kdns.kube import apex, pods, pointers, services
from kdns.kube.answer import Answer, Ask, namespace_keys, nodata, nxdomain, refused_namespace
from kdns.kube.externals import FARTHEST
from kdns.kube.index import Index
from kdns.kube.names import Form, Request, parse
from kdns.kube.options import Options
from kdns.kube.reason import Reason, because
from kdns.proto.message import Question
from kdns.proto.name import ROOT, Name, labels, longest, to_text
from kdns.proto.reverse import Address, is_reverse
from kdns.proto.types import RCode


def resolve(question: Question, zone: Name, index: Index, options: Options, server: tuple[Address, ...] = ()) -> Answer:
    """The answer to a question at or below `zone` (folded). `server` are the server's own addresses."""
    return _resolve(question, zone, index, options, server, ())


def form_of(name: Name, zone: Name) -> Form:
    """The form of a folded name at or below `zone` (folded)."""
    if is_reverse(zone):
        return Form.APEX if name == zone else Form.NONE
    return _request(name, zone).form


def _resolve(
    question: Question,
    zone: Name,
    index: Index,
    options: Options,
    server: tuple[Address, ...],
    trail: tuple[Name, ...],
) -> Answer:
    """`trail` are the aliases that led here, the first one first."""
    if is_reverse(zone):
        return pointers.answer(Ask(question, zone, _NO_REQUEST, index, options, server))
    ask = Ask(question, zone, _request(question.folded, zone), index, options, server)
    if ask.request.service:  # nearly always; an enum's members take their time to be compared
        return services.answer(ask, lambda asked, target: _follow(asked, target, (*trail, question.folded)))
    match ask.request.form:
        case Form.APEX | Form.VERSION | Form.NAME_SERVER:
            return apex.answer(ask)
        case Form.PARENT:
            return nodata(Reason.ONLY_PARENT)
        case Form.NAMESPACE:
            return _namespace(ask)
        case Form.POD | Form.POD_NAMESPACE:
            return pods.answer(ask)
    return nxdomain(Reason.NO_SUCH_NAME)


_NO_REQUEST = Request(Form.NONE)


def _request(name: Name, zone: Name) -> Request:
    return parse(labels(name[: len(name) - len(zone)] + ROOT))


def _namespace(ask: Ask) -> Answer:
    answer = refused_namespace(ask) or nodata(Reason.ONLY_PARENT)
    return answer.after((), namespace_keys(ask))


def _follow(ask: Ask, target: Name, trail: tuple[Name, ...]) -> Answer | None:
    """The answer to the same question at an alias's target, None if that is in none of the zones."""
    folded = target.lower()
    zone = longest(folded, {zone: zone for zone in ask.options.zones})
    if zone is None:
        return None
    if len(trail) > FARTHEST:
        return Answer(because(Reason.EXTERNAL_LOOP, to_text(trail[0]), FARTHEST), RCode.SERVFAIL)
    question = ask.question._replace(name=target, folded=folded)
    answer = _resolve(question, zone, ask.index, ask.options, ask.server, trail)
    return answer if answer.zone is not None else answer._replace(zone=zone)
