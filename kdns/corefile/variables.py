"""`{$NAME}` and `{%NAME%}` give way to the environment (caddy's `caddyfile/parse.go`, replaceEnvVars)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kdns.corefile.lexer import Token

# A name has no blank: that leaves `"{{$x := index .Match 1}}"` of a template alone.
_VARIABLE = re.compile(r"\{%(?P<percent>[^\s{}%]+)%\}|\{\$(?P<dollar>[^\s{}]+)\}")


def substitute(token: Token, environ: Mapping[str, str]) -> Token:
    """The token with the values of its variables in it: still one word; an unset variable is empty."""
    text = _VARIABLE.sub(lambda found: environ.get(_name(found), ""), token.text)
    if text == token.text:
        return token
    # A value is never grammar: a brace that comes from the environment opens nothing.
    return token._replace(text=text, quoted=token.quoted or text in ("{", "}"))


def unset(token: Token, environ: Mapping[str, str]) -> list[str]:
    """The variables named in a token, before substitution, that the environment does not have."""
    return [name for name in map(_name, _VARIABLE.finditer(token.text)) if name not in environ]


def _name(found: re.Match[str]) -> str:
    return found["percent"] or found["dollar"]
