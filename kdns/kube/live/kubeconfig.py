"""What a kubeconfig says by itself, before any credentials are asked for: which API server it means."""

from __future__ import annotations

from pathlib import Path

from kdns.kube.files.tree import Node
from kdns.kube.files.yaml_text import read_yaml


def server_of(file: str, context: str | None = None) -> str:
    """The URL of a context's API server, that of the current context without one; empty where it does not say.

    Kubernetes: "Organizing Cluster Access Using kubeconfig Files". Blocks while the file is read.
    """
    try:
        root = next(read_yaml(Path(file).read_text(encoding="utf-8")), None)
    except (OSError, ValueError):
        return ""
    if not isinstance(root, Node):
        return ""
    wanted = context or _value(root, "current-context")
    cluster = _value(_named(root, "contexts", wanted), "context", "cluster")
    url = _value(_named(root, "clusters", cluster), "cluster", "server")
    return url if isinstance(url, str) else ""


def _named(root: Node, kind: str, name: object) -> Node | None:
    """The entry of this name in one of a kubeconfig's lists."""
    entries = root.child(kind)
    return next((each for each in entries.children() if _value(each, "name") == name), None) if entries else None


def _value(node: Node | None, *path: str) -> object:
    for step in path:
        node = node and node.child(step)
    return node.value if node else None
