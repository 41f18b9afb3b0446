"""What is measured: a scenario is what is asked, how, and of whom."""

from __future__ import annotations

from typing import NamedTuple

from bench import questions
from bench.load import STREAM
from bench.questions import Lines

ALL = ("kdns", "kdns-alone", "knot", "unbound", "coredns")
NAMES = ("kdns", "knot", "unbound", "coredns")
FOLLOWERS = ("kdns", "coredns")
FORWARDERS = ("kdns", "unbound", "coredns")
_TCP = ("-m", "tcp")


class Scenario(NamedTuple):
    """One row of the table. `flags` are dnsperf's, or `STREAM` and those of `stream.py`."""

    name: str
    about: str
    servers: tuple[str, ...]
    lines: Lines
    flags: tuple[str, ...] = ()
    once: bool = False
    """Each line is asked once: the round ends with the last."""
    fresh: bool = False
    """The server is started anew for each round: it has answered nothing before."""
    warm: bool = True
    """Each line is asked before it counts."""
    longer: int = 1
    """How many times as long as others a round is: CPU is counted in hundredths of a second."""
    churn: int = 0
    """Changes of endpoints a second."""
    quick: bool = False
    """Part of the quick table."""


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("clusterip", "ClusterIP, A", ALL, questions.clusterips, quick=True),
        Scenario("calm", "the same, 10,000 a second", ALL, questions.clusterips, ("-Q", "10000"), longer=3),
        Scenario("mix", "a cluster's mix", NAMES, questions.mix, quick=True),
        Scenario("wrong", "wrong names, none twice", ALL, questions.wrong, once=True, warm=False, quick=True),
        Scenario("first", "every name, for the first time", NAMES, questions.first, once=True, fresh=True, warm=False),
        Scenario("headless", "headless, 5 addresses, A", NAMES, questions.headless),
        Scenario("srv", "headless, 5 targets, SRV", NAMES, questions.srv),
        Scenario("wide-udp", "headless, 100 addresses, A, EDNS 4096", NAMES, questions.wide(100), ("-e",)),
        Scenario("wide-100", "headless, 100 addresses, A, over TCP", NAMES, questions.wide(100), (STREAM,)),
        Scenario("wide-1000", "headless, 1,000 addresses, A, over TCP", NAMES, questions.wide(1000), (STREAM,)),
        Scenario("tcp", "ClusterIP, A, TCP, connections kept", NAMES, questions.clusterips, _TCP),
        Scenario(
            "tcp-one",
            "ClusterIP, A, TCP, a connection for each",
            NAMES,
            questions.clusterips,
            (STREAM, "1"),
        ),
        Scenario(
            "odd",
            "ClusterIP, A, letters in any case, EDNS with a cookie",
            NAMES,
            questions.mixed_case,
            ("-e", "-E", "10:0123456789abcdef"),
        ),
        Scenario("churn-20", "ClusterIP, A, under 20 changes a second", FOLLOWERS, questions.clusterips, churn=20),
        Scenario("churn-200", "ClusterIP, A, under 200 changes a second", FOLLOWERS, questions.clusterips, churn=200),
        Scenario(
            "churn-1000", "ClusterIP, A, under 1,000 changes a second", FOLLOWERS, questions.clusterips, churn=1000
        ),
        Scenario("outside", "names outside, from the cache", FORWARDERS, questions.outside_hot),
        Scenario("forward", "names outside, none twice", FORWARDERS, questions.outside_unique, once=True, warm=False),
    )
}
