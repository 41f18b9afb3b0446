"""`-manifests PATH`: a Corefile for a cluster, served from files, with nothing in it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdns.corefile.block import Directive, ServerBlock
from kdns.corefile.lexer import Token
from kdns.corefile.parser import Corefile
from kdns.errors import StartError

_PLUGIN = "kubernetes"
_MANIFESTS = "manifests"
_ONLY_LIVE = frozenset({"endpoint", "tls", "kubeconfig", "state"})
"""Options of *kubernetes* that say which API server, or are for one alone: they cannot stand beside files."""


def offline(corefile: Corefile, paths: Sequence[str]) -> Corefile:
    """The Corefile with its clusters described by these files and folders, where it names none itself.

    Without paths it stays as it is.
    """
    if not paths:
        return corefile
    whole = [str(Path(path).absolute()) for path in paths]
    return replace(corefile, blocks=tuple(_block(block, whole) for block in corefile.blocks))


def refuse_unused(corefile: Corefile, paths: Sequence[str]) -> None:
    """Raise StartError where nothing in the Corefile would answer from these paths."""
    if paths and all(each.name != _PLUGIN for block in corefile.blocks for each in block.directives):
        raise StartError(f"-manifests {paths[0]}: no server block has '{_PLUGIN}', which would answer from it")


def _block(block: ServerBlock, paths: Sequence[str]) -> ServerBlock:
    directives = (_directive(each, paths) if each.name == _PLUGIN else each for each in block.directives)
    return replace(block, directives=tuple(directives))


def _directive(directive: Directive, paths: Sequence[str]) -> Directive:
    again = tuple(_directive(each, paths) for each in directive.again)
    if any(line.name == _MANIFESTS for line in directive.body):
        return replace(directive, again=again)
    left = tuple(line for line in directive.body if line.name not in _ONLY_LIVE)
    file, line = directive.file, directive.line
    words = tuple(Token(path, file, line, quoted=True, via=directive.via) for path in paths)
    added = Directive(_MANIFESTS, file, line, words, via=directive.via)
    return replace(directive, body=(*left, added), braces=True, again=again)
