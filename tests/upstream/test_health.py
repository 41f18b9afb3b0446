from __future__ import annotations

import asyncio

import pytest

from kdns.upstream.faults import UpstreamError
from kdns.upstream.health import Health
from tests.warp import warp


class Patient:
    """A server that answers probes when it is `well`. `times` are when it was probed."""

    def __init__(self, *, max_fails: int = 2, every: float = 0.5, takes: float = 0.0) -> None:
        self.well = False
        self.times: list[float] = []
        self.missed = 0
        self._takes = takes
        self._began = warp().time()
        self.health = Health(self._probe, max_fails=max_fails, every=every, missed=self._miss)

    async def _probe(self) -> None:
        self.times.append(round(warp().time() - self._began, 3))
        await asyncio.sleep(self._takes)
        if not self.well:
            raise UpstreamError("no answer")

    def _miss(self) -> None:
        self.missed += 1


async def test_who_has_not_failed_is_not_probed() -> None:
    patient = Patient()
    await asyncio.sleep(60)
    assert (patient.times, patient.health.suspect, patient.health.down) == ([], False, False)


async def test_from_a_failure_on_it_is_probed_until_it_answers() -> None:
    patient = Patient()
    patient.health.failed()
    await asyncio.sleep(1.2)
    patient.well = True
    await asyncio.sleep(60)
    assert patient.times == [0, 0.5, 1, 1.5]
    assert (patient.missed, patient.health.fails, patient.health.suspect) == (3, 0, False)


async def test_it_is_down_after_more_than_so_many_failed_probes() -> None:
    patient = Patient(max_fails=2, every=1)
    patient.health.failed()
    seen = []
    for _ in range(4):
        await asyncio.sleep(0.5)
        seen.append((patient.health.fails, patient.health.down))
        await asyncio.sleep(0.5)
    assert seen == [(1, False), (2, False), (3, True), (4, True)]
    await patient.health.stop()


async def test_it_is_up_again_with_the_first_answer() -> None:
    patient = Patient()
    patient.health.failed()
    await asyncio.sleep(5)
    assert patient.health.down
    patient.well = True
    await asyncio.sleep(0.5)
    assert not patient.health.down


async def test_an_answer_to_a_question_is_as_good_as_one_to_a_probe() -> None:
    patient = Patient(takes=0.2)
    patient.health.failed()
    await asyncio.sleep(0.1)
    patient.health.answered()
    await asyncio.sleep(60)
    assert (patient.times, patient.missed, patient.health.fails) == ([0], 0, 0)


async def test_many_failures_are_one_watch() -> None:
    patient = Patient()
    for _ in range(10):
        patient.health.failed()
    await asyncio.sleep(0.1)
    assert patient.times == [0]
    await patient.health.stop()


async def test_with_no_fails_to_count_it_is_always_well() -> None:
    patient = Patient(max_fails=0)
    patient.health.failed()
    await asyncio.sleep(60)
    assert (patient.times, patient.health.suspect, patient.health.down) == ([], False, False)


async def test_at_the_end_it_is_probed_no_more() -> None:
    patient = Patient()
    patient.health.failed()
    await asyncio.sleep(0.1)
    await patient.health.stop()
    await patient.health.stop()
    await asyncio.sleep(60)
    assert patient.times == [0]


async def test_it_is_watched_again_after_the_next_failure() -> None:
    patient = Patient()
    patient.well = True
    for _ in range(2):
        patient.health.failed()
        await asyncio.sleep(1)
    assert patient.times == [0, 1]


@pytest.mark.parametrize("every", [0.5, 5.0])
async def test_probes_are_so_far_apart(every: float) -> None:
    patient = Patient(every=every)
    patient.health.failed()
    await asyncio.sleep(3 * every + 0.1)
    assert patient.times == [0, every, 2 * every, 3 * every]
    await patient.health.stop()
