"""A further question on behalf of a query, as the target of an alias wants it: asked of the whole server."""

from __future__ import annotations

from dataclasses import replace

from kdns.chain import Keep, Lookup, Query, Response, Scope, failure
from kdns.errors import KdnsError
from kdns.proto.message import Ede, Question
from kdns.proto.name import Name
from kdns.proto.types import EDE, RCode
from kdns.serve.router import Router

_DEEPEST = 8
"""Questions that one question may lead to, each by the one before."""

OUTSIDE = Response(
    keep=Keep(scope=Scope.EVERYBODY),
    rcode=RCode.REFUSED,
    ede=Ede(EDE.NOT_AUTHORITATIVE, "the name is in none of the zones that are served here"),
)
"""To a question that no server block is for."""


def lookup_in(router: Router) -> Lookup:
    """What a query needs to ask for other names: through the whole chain of whoever has them."""

    async def lookup(query: Query, name: Name, type: int) -> Response:
        question = Question(name, name.lower(), type, query.question.klass)
        served = router.find(question)
        if served is None:
            return OUTSIDE
        if query.depth >= _DEEPEST:
            return failure(KdnsError("aliases lead on and on"))
        message = query.message._replace(question=question)
        inner = replace(query, message=message, zone=served.zone, server=served.server, depth=query.depth + 1)
        inner.metadata = {}
        return await served.handler(inner)

    return lookup
