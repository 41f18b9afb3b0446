"""A part of a cluster that tests of faults look at: what does not change, and what does."""

from __future__ import annotations

import time

from tests.e2e.answers import NXDOMAIN, Answer, Question, full, records
from tests.e2e.cluster import ControlPlane
from tests.e2e.objects import endpoint, endpoint_slice, headless, namespace, service
from tests.e2e.questions import Served, all_names


class World:
    """A namespace with Services that do not change, `stable`, and others that tests change."""

    def __init__(self, plane: ControlPlane, space: str) -> None:
        self.plane = plane
        self.space = space
        self.stable: list[str] = []
        self.early: dict[Question, Answer] = {}
        plane.api.create(namespace(space))
        for number in range(5):
            plane.api.create(service(f"stable-{number}", space), headless(f"db-{number}", space))
            hosts = [endpoint(f"10.244.{number}.{host}", f"host-{host}") for host in (1, 2, 3)]
            plane.api.create(endpoint_slice(f"db-{number}", space, hosts))
            names = (f"stable-{number}", f"db-{number}", f"host-2.db-{number}")
            self.stable += [full(f"{name}.{space}") for name in names]
        for number in range(5):
            self.early |= self._create(f"early-{number}")
            self.early[self._question(f"late-{number}")] = NXDOMAIN
            self.early[self._question(f"host-9.moving-{number}")] = NXDOMAIN
            plane.api.create(headless(f"moving-{number}", space))

    def still(self, served: Served) -> dict[Question, Answer]:
        """What shall be answered all the time, as it is now."""
        found = all_names(served, self.stable)
        assert all(answer.records for answer in found.values())
        return found | {self._question("never"): NXDOMAIN}

    def change(self) -> dict[Question, Answer]:
        """Create, delete and change, once; what is right from then on. Until then `early` is."""
        right: dict[Question, Answer] = {}
        for number in range(5):
            right |= self._create(f"late-{number}")
            self.plane.api.delete("Service", f"early-{number}", self.space)
            right[self._question(f"early-{number}")] = NXDOMAIN
            right |= self._add_host(f"10.244.{100 + number}.9", number)
        return right

    def until_right(self, served: Served, within: float) -> float:
        """Change, as it can be done now; seconds from now until all is answered right."""
        began = time.monotonic()
        served.right(self.change(), within)
        return time.monotonic() - began

    def _create(self, name: str) -> dict[Question, Answer]:
        ip = self.plane.api.create(service(name, self.space))["spec"]["clusterIP"]
        question = self._question(name)
        return {question: records(question[0], "A", ip)}

    def _add_host(self, ip: str, number: int) -> dict[Question, Answer]:
        db = f"moving-{number}"
        question = self._question(f"host-9.{db}")
        self.plane.api.create(endpoint_slice(db, self.space, [endpoint(ip, "host-9")]))
        return {question: records(question[0], "A", ip)}

    def _question(self, name: str) -> Question:
        return full(f"{name}.{self.space}"), "A"
