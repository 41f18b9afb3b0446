"""A large cluster that changes without pause: names that do not change are never answered wrong."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.answers import NXDOMAIN, Answer, Question, full, records
from tests.e2e.api import Json
from tests.e2e.cluster import ControlPlane
from tests.e2e.kit import Figures
from tests.e2e.objects import endpoint, endpoint_slice, headless, namespace, service
from tests.e2e.process import outlast
from tests.e2e.questions import Served, kdns

SERVICES = 2000
ENDPOINTS = 10
"""Of each Service."""
CHANGES = 2000
RATE = 100.0
"""Changes a second."""
MOVING = 300
"""The first of the Services are those that change."""
PAUSE = 0.0002
"""Seconds between a reply and the next question: enough that those who make the changes get their turn."""
LOOK = 40
"""Of so many changes one is waited for, to see how long it takes."""
CLIENTS = 8
SPACE = "large"
SOON = 5.0


def hosts(number: int, era: int = 0) -> list[Json]:
    """The endpoints of a Service; in each era those of half of them are others."""
    high, low = divmod(number, 250)
    ips = (f"10.{10 + high}.{low}.{host + (100 + era % 100 if host % 2 else 0)}" for host in range(1, ENDPOINTS + 1))
    return [endpoint(ip, f"host-{host}") for host, ip in enumerate(ips, 1)]


def objects(number: int) -> Iterator[Json]:
    """A Service, every second one headless, and its slice."""
    yield (headless if number % 2 else service)(f"svc-{number}", SPACE)
    yield endpoint_slice(f"svc-{number}", SPACE, hosts(number))


def name(number: int) -> str:
    """The name of a Service."""
    return full(f"svc-{number}.{SPACE}")


@pytest.fixture(scope="module")
def large(plane: ControlPlane, figures: Figures) -> dict[int, str]:
    """The addresses of all Services, empty for those that are headless, when they have been created."""
    plane.api.create(namespace(SPACE))
    began = time.monotonic()

    def create(number: int) -> str:
        made, endpoints = objects(number)
        ip = str(plane.api.create(made)["spec"]["clusterIP"])
        plane.api.create(endpoints)
        return ip.removeprefix("None")

    with ThreadPoolExecutor(CLIENTS) as clients:
        found = dict(enumerate(clients.map(create, range(SERVICES))))
    took = time.monotonic() - began
    figures.tell(f"{SERVICES} Services and {SERVICES * ENDPOINTS} endpoints created", f"{took:.1f} s")
    return found


def stable(large: dict[int, str]) -> dict[Question, Answer]:
    """Answers of Services that do not change, worked out from what was created."""
    found: dict[Question, Answer] = {}
    for number, ip in itertools.islice(large.items(), MOVING, None, 17):
        here, port = name(number), f"_http._tcp.{name(number)}"
        ips = [each["addresses"][0] for each in hosts(number)]
        found[here, "A"] = records(here, "A", *([ip] if ip else ips))
        if ip:
            pointer = ".".join(reversed(ip.split("."))) + ".in-addr.arpa"
            found[pointer, "PTR"] = records(pointer, "PTR", f"{here}.")
            found[port, "SRV"] = records(port, "SRV", f"0 100 80 {here}.")
        else:
            targets = [f"0 10 8080 host-{host}.{here}." for host in range(1, ENDPOINTS + 1)]
            found[port, "SRV"] = records(port, "SRV", *targets)
            found[f"host-3.{here}", "A"] = records(f"host-3.{here}", "A", ips[2])
        found[f"missing.{here}", "A"] = NXDOMAIN
    return found


class Churn:
    """Changes at a rate, by several clients; `right` is what must be answered when they have all been made.

    `took` are the seconds from the API server's answer to kdns's, of some changes.
    """

    def __init__(self, plane: ControlPlane, served: Served) -> None:
        self.right: dict[Question, Answer] = {}
        self.took: list[float] = []
        self._api = plane.api
        self._served = served
        self._chance = random.Random(4)

    def run(self) -> float:
        """Make all changes; how many a second that were."""
        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            counts = list(clients.map(lambda client: self._change(client, began), range(CLIENTS)))
        return sum(counts) / (time.monotonic() - began)

    def _change(self, client: int, began: float) -> int:
        """One client's share: every so often one of the Services that are its own."""
        own = range(client, MOVING, CLIENTS)
        changes = range(client, CHANGES, CLIENTS)
        for change in changes:
            outlast(max(0.0, began + change / RATE - time.monotonic()))
            number = own[self._chance.randrange(len(own))]
            right = self._move(number, change) if number % 2 else self._make_again(number)
            self.right |= right
            if client == 0 and not change % LOOK:
                self.took.append(self._served.right(right, SOON))
        return len(changes)

    def _move(self, number: int, era: int) -> dict[Question, Answer]:
        """Give half of its endpoints other addresses."""
        moved = hosts(number, era)
        self._api.replace(endpoint_slice(f"svc-{number}", SPACE, moved))
        here = name(number)
        return {(here, "A"): records(here, "A", *(each["addresses"][0] for each in moved))}

    def _make_again(self, number: int) -> dict[Question, Answer]:
        """Delete it if it is there, create it if it is not."""
        here = name(number)
        if self.right.get((here, "A")) == NXDOMAIN:
            ip = str(self._api.create(service(f"svc-{number}", SPACE))["spec"]["clusterIP"])
            return {(here, "A"): records(here, "A", ip)}
        self._api.delete("Service", f"svc-{number}", SPACE)
        return {(here, "A"): NXDOMAIN}


def test_stable_names_are_never_wrong_while_others_change(
    plane: ControlPlane, large: dict[int, str], tmp_path: Path, figures: Figures
) -> None:
    began = time.monotonic()
    with kdns(tmp_path, f"kubeconfig {plane.kubeconfig()}") as served:
        still = stable(large)
        served.right(still, SOON)
        figures.seconds("kdns started, synced and right about them", time.monotonic() - began)
        churn = Churn(plane, served)
        with served.steady(still, pace=PAUSE) as asking:
            rate = churn.run()
        took = served.right(churn.right, SOON)
    figures.tell("changes", f"{CHANGES}, {rate:.0f} a second")
    figures.tell("questions meanwhile", f"{asking.asked}, none wrong, the longest took {asking.longest * 1000:.1f} ms")
    longest = sorted(churn.took)
    figures.tell("from a change to its answer", f"median {longest[len(longest) // 2]:.3f} s, most {longest[-1]:.3f} s")
    figures.seconds("all right after the last change", took)
    assert len(churn.right) > MOVING / 2
