from __future__ import annotations

from kdns.chain import Keep, Sent, Tally, Transport
from kdns.metrics import FINEST, Metrics
from kdns.serve.entry import Lying
from kdns.serve.ledger import LATE, Ledger
from tests.serve.answering import Clock

UDP, TCP = Transport.udp, Transport.tcp
QUICK = 2**-14
"""Seconds, of which sums are exact."""


class Book:
    """A ledger, what it told, and the errors it came upon."""

    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.told: list[Sent] = []
        self.errors: list[Exception] = []
        self.ledger = Ledger(self.metrics, self.clock, self.errors.append)

    def lying(self, size: int = 100, asked: int = 40, *tallies: Tally) -> Lying:
        return Lying(Keep(tallies=tallies or (self.tell,)), asked, bytes(size - 2))

    def tell(self, sent: Sent) -> None:
        self.told.append(sent)

    def hits(self) -> float | None:
        return self.metrics.registry.get_sample_value("kdns_memo_hits_total")


def test_those_that_are_alike_are_told_of_together() -> None:
    book = Book()
    one, other, longer, asked_longer = book.lying(), book.lying(), book.lying(101), book.lying(100, 41)
    book.ledger.gave([one, one, other, longer], UDP, 1, QUICK)
    book.ledger.gave([one, asked_longer], UDP, 1, QUICK)
    book.ledger.gave([one], UDP, 2, QUICK)
    book.ledger.gave([one], TCP, 1, QUICK)
    assert (book.told, book.hits()) == ([], 0)
    book.ledger.settle()
    assert book.told == [
        Sent(4, UDP, 1, 40, 100, QUICK),
        Sent(1, UDP, 1, 40, 101, QUICK),
        Sent(1, UDP, 1, 41, 100, QUICK),
        Sent(1, UDP, 2, 40, 100, QUICK),
        Sent(1, TCP, 1, 40, 100, QUICK),
    ]
    assert book.hits() == 8
    book.ledger.settle()
    assert len(book.told) == 5


def test_the_time_is_that_of_the_mean() -> None:
    book = Book()
    book.ledger.gave([book.lying()] * 3, UDP, 1, QUICK)
    book.ledger.gave([book.lying()], UDP, 1, 2 * QUICK)
    book.ledger.settle()
    assert book.told == [Sent(4, UDP, 1, 40, 100, 1.25 * QUICK)]


def test_slow_ones_are_told_of_apart_so_that_no_histogram_loses_them() -> None:
    book = Book()
    for seconds in (QUICK, FINEST * 1.01, QUICK):
        book.ledger.gave([book.lying()], UDP, 1, seconds)
    assert [sent.seconds for sent in book.told] == [QUICK, FINEST * 1.01]
    book.ledger.settle()
    assert len(book.told) == 3


def test_nobody_waits_long_to_be_told_while_there_are_more() -> None:
    book = Book()
    book.ledger.gave([book.lying()], UDP, 1, 0.0)
    book.clock.now += LATE * 1.01
    assert book.told == []
    book.ledger.gave([book.lying()], UDP, 1, 0.0)
    assert [sent.count for sent in book.told] == [2]


def test_a_crowd_of_different_ones_is_told_of_early() -> None:
    book = Book()
    for _ in range(100):
        book.ledger.gave([book.lying(size) for size in range(100, 164)], UDP, 1, 0.0)
    assert len(book.told) > 0


def test_a_look_at_the_metrics_finds_everything_counted() -> None:
    book = Book()
    book.metrics.owing.add(book.ledger)
    book.ledger.gave([book.lying()], UDP, 1, 0.0)
    assert b"kdns_memo_hits_total 1.0" in book.metrics.render()
    assert len(book.told) == 1


def test_one_who_fails_to_count_keeps_nobody_else_from_it() -> None:
    def broken(sent: Sent) -> None:
        raise ZeroDivisionError

    book = Book()
    book.ledger.gave([book.lying(100, 40, broken, book.tell), book.lying(50, 40, book.tell)], UDP, 1, 0.0)
    book.ledger.settle()
    assert [sent.response_size for sent in book.told] == [100, 50]
    assert [type(error) for error in book.errors] == [ZeroDivisionError]
