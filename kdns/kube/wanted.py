"""Which cluster a Corefile wants: what makes two directives share one."""

from __future__ import annotations

from dataclasses import dataclass, field

from kdns.kube.control import Settings
from kdns.kube.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Manifests. `poll` in seconds."""

    paths: tuple[str, ...]
    selection: Selection
    controllers: Settings
    poll: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An API server: a kubeconfig's (and a context of it), that at a URL (with certificate files), or the Pod's own.

    `qps`, `burst` and `inflight` limit requests, 0 for the defaults. `pods` and `imports` are followed only
    if wanted, endpoints unless not. Times in seconds; 0 turns `resync` and `stale_after` off. `state` is the
    file in which the state is saved, empty for none.
    """

    kubeconfig: tuple[str, ...] = ()
    endpoint: str = ""
    tls: tuple[str, ...] = ()
    qps: float = 0.0
    burst: int = 0
    inflight: int = 0
    selection: Selection = field(default_factory=Selection)
    pods: bool = False
    endpoints: bool = True
    imports: bool = False
    startup_timeout: float = 5.0
    resync: float = 1800.0
    stale_after: float = 0.0
    state: str = ""
