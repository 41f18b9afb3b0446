"""What is taken from kubernetes-asyncio: the reading of a kubeconfig, with its exec plugins and all it may hold.

This is the only module that speaks to it, and is imported where a kubeconfig is named. Its package
imports 850 generated modules of models and calls that are never needed here, some 30 MB. The two
packages that would import them are put in place bare: their submodules are found as ever,
but their `__init__` does not run.
"""

from __future__ import annotations

import logging
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from kdns.kube.live import programs
from kdns.kube.live.session import CredentialFault, Settings

_PACKAGE = "kubernetes_asyncio"


def _bare(name: str, parent: ModuleType | None = None) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = PathFinder.find_spec(name, list(parent.__path__) if parent else None)
    if spec is None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)
    module = ModuleType(name)
    module.__spec__ = spec
    module.__path__ = list(spec.submodule_search_locations or ())
    sys.modules[name] = module
    return module


def _import() -> Any:
    client = _bare(f"{_PACKAGE}.client", _bare(_PACKAGE))
    # What kube_config takes from the package it stands in, for calls that are not made here.
    vars(client).setdefault("Configuration", Settings)
    vars(client).setdefault("ApiClient", object)
    from kubernetes_asyncio.config import exec_provider, kube_config

    exec_provider.asyncio = programs.Watched()  # type: ignore[assignment, attr-defined]

    # What it logs of a failure it also raises, and that is told by who asked.
    logging.getLogger(_PACKAGE).addHandler(logging.NullHandler())
    return kube_config


_kube_config = _import()


async def kubeconfig_settings(file: str, context: str | None) -> Settings:
    """For a kubeconfig with everything that the library supports. Raises whatever it does of what it cannot read."""
    settings = Settings("http://localhost")
    _forget_lost_files()
    async with programs.ended():
        loader = await _kube_config.load_kube_config(
            config_file=file, context=context, client_configuration=settings, persist_config=False
        )
    asks_program = "exec" in (loader._user or ())  # noqa: SLF001  # the library only logs that nothing came of it
    if asks_program and not settings.api_key and not settings.cert_file:
        raise CredentialFault("its exec plugin gave neither a token nor a certificate with its key")
    return settings


def _forget_lost_files() -> None:
    """The library keeps certificates in temporary files and never looks whether those are still there."""
    kept = _kube_config._temp_files  # noqa: SLF001
    for content in [content for content, file in kept.items() if not Path(file).is_file()]:
        del kept[content]
