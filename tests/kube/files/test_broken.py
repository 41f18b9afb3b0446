"""What is said of broken manifests, once."""

from __future__ import annotations

import logging

import pytest

from kdns.errors import ManifestError
from kdns.kube.document import Origin, Problem
from kdns.kube.files.broken import Broken
from kdns.metrics import Metrics

A1 = ManifestError("a.yaml", 1, 3, "no YAML")
A1_AGAIN = ManifestError("a.yaml", 1, 9, "Service shop/web: no")
A2 = ManifestError("a.yaml", 2, 12, "Service shop/api: no")
B1 = ManifestError("b.yaml", 1, 1, "no UTF-8")


class Told:
    """A Broken with what it logs and counts."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.metrics = Metrics()
        self.broken = Broken(self.metrics)

    def __call__(self, *errors: ManifestError, problems: tuple[Problem, ...] = ()) -> list[str]:
        self._caplog.clear()
        self.broken.tell(errors, problems)
        return [f"{each.levelname} {each.getMessage()}" for each in self._caplog.records]

    def gauge(self, file: str) -> float | None:
        return self.metrics.registry.get_sample_value("kdns_manifest_broken", {"file": file})

    @property
    def count(self) -> float | None:
        return self.metrics.registry.get_sample_value("kdns_manifest_errors_total")


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level(logging.INFO, "kdns.plugin.kubernetes")
    return Told(caplog)


def test_an_error_is_logged_when_it_is_new(told: Told) -> None:
    assert told(A1) == ["ERROR a.yaml:1:3: no YAML"]
    assert told(A1) == []
    assert told(A1, B1) == ["ERROR b.yaml:1:1: no UTF-8"]
    assert told(A2, B1) == ["ERROR a.yaml:2:12: Service shop/api: no"]
    assert told.count == 3


def test_the_end_of_a_file_s_errors_is_logged_once(told: Told) -> None:
    told(A1, B1)
    assert told(B1) == ["INFO a.yaml: no errors any more"]
    assert told(B1) == []
    assert told(A1, B1) == ["ERROR a.yaml:1:3: no YAML"]


def test_a_file_s_broken_documents_are_counted_while_they_are(told: Told) -> None:
    assert told.gauge("a.yaml") is None
    told(A1, A1_AGAIN, A2)
    assert told.gauge("a.yaml") == 2
    told(A2)
    assert told.gauge("a.yaml") == 1
    told()
    assert told.gauge("a.yaml") is None


def test_a_file_does_not_fill_the_log(told: Told) -> None:
    errors = [ManifestError("a.yaml", number, number, "no") for number in range(1, 1001)]
    lines = told(*errors)
    assert len(lines) == 21
    assert lines[-1] == "ERROR a.yaml: 980 more errors"
    assert told.count == 1000


def test_problems_are_logged_when_they_are_new(told: Told) -> None:
    twice = Problem(Origin("a.yaml", 1, 2), "Service shop/web is given again")
    full = Problem(Origin("", 0, 0, "the control plane"), "no address is left")
    assert told(problems=(twice, full)) == [
        "WARNING a.yaml:1:2: Service shop/web is given again",
        "WARNING the control plane: no address is left",
    ]
    assert told(problems=(twice,)) == []
    assert told(problems=(twice, full)) == ["WARNING the control plane: no address is left"]
