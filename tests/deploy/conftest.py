"""What the tests of deploy/ are given. Those that render it or ask an API server are end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.renderers import Renderers, renderers
from tests.e2e.cluster import ControlPlane
from tests.e2e.programs import MissingError, programs


@pytest.fixture(scope="session")
def render() -> Renderers:
    """kustomize, helm and the reader of PromQL; without them the tests fail, they are not skipped."""
    try:
        return renderers()
    except MissingError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and an API server, without controllers."""
    try:
        found = programs()
    except MissingError as error:
        pytest.fail(str(error), pytrace=False)
    plane = ControlPlane(found, tmp_path_factory.mktemp("plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
