"""dig, with what people give it, against kubeadm's Corefile."""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

import pytest

from tests.installed import installed
from tests.outside.kubeadm import kdns
from tests.outside.world import CROWD
from tests.processes import PATIENCE

__all__ = ["kdns"]

WEB = "web.shop.svc.cluster.local"
AT_WEB = f"{WEB}. IN A 10.96.184.143"
WWW = "www.example.org. IN A 198.18.0.10"
REVERSE = f"143.184.96.10.in-addr.arpa. IN PTR {WEB}."


class Shown(NamedTuple):
    """What dig shows: status, flags, the answer without TTLs, its pseudosection EDNS and all of its words."""

    status: str
    flags: set[str]
    answer: list[str]
    edns: str
    words: str


def dig(port: int, *arguments: str) -> Shown:
    """Run dig. It says what it does not like in a reply in words that begin with `;; WARNING` or `;; Got`."""
    command = [installed("dig"), "-p", str(port), "@127.0.0.1", "+tries=1", "+noauthority", "+noadditional", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    words = ran.stdout + ran.stderr
    status = re.findall(r"status: (\w+)", words)
    flags = re.findall(r";; flags: ([a-z ]*);", words)
    assert status, words
    lines = [line.split(maxsplit=2) for line in words.splitlines() if line and not line.startswith(";")]
    answer = sorted(" ".join([owner, *rest.split()]) for owner, _, rest in lines)
    edns = "".join(re.findall(r"^; EDNS: (.*)$", words, re.MULTILINE))
    return Shown(status[-1], set(flags[-1].split()), answer, edns, words)


@pytest.mark.parametrize(
    ("arguments", "status", "answer"),
    [
        pytest.param([WEB], "NOERROR", [AT_WEB], id="a Service"),
        pytest.param([WEB, "+tcp"], "NOERROR", [AT_WEB], id="over TCP"),
        pytest.param([WEB, "+noedns"], "NOERROR", [AT_WEB], id="without EDNS"),
        pytest.param([WEB, "+cookie"], "NOERROR", [AT_WEB], id="with a cookie"),
        pytest.param([WEB, "+cookie=0123456789abcdef", "+tcp"], "NOERROR", [AT_WEB], id="a cookie over TCP"),
        pytest.param([WEB, "+norec"], "NOERROR", [AT_WEB], id="without recursion"),
        pytest.param([WEB, "+dnssec"], "NOERROR", [AT_WEB], id="with DO"),
        pytest.param([WEB, "+cdflag", "+adflag"], "NOERROR", [AT_WEB], id="CD and AD"),
        pytest.param([WEB, "+subnet=192.0.2.0/24", "+nsid", "+expire"], "NOERROR", [AT_WEB], id="options"),
        pytest.param([WEB, "+ednsopt=100:00", "+ednsflags=0x40"], "NOERROR", [AT_WEB], id="an unknown option and flag"),
        pytest.param([WEB, "+padding=128", "+tcp", "+keepalive"], "NOERROR", [AT_WEB], id="padding and keepalive"),
        pytest.param([WEB, "+edns=1", "+noednsneg"], "BADVERS", [], id="EDNS version 1"),
        pytest.param([WEB, "+edns=1"], "NOERROR", [AT_WEB], id="EDNS version 1 and then 0"),
        pytest.param([WEB.upper()], "NOERROR", [f"{WEB.upper()}. IN A 10.96.184.143"], id="in capitals"),
        pytest.param([WEB, "AAAA"], "NOERROR", [], id="a type that is not there"),
        pytest.param([WEB, "TYPE65280"], "NOERROR", [], id="an unknown type"),
        pytest.param(["no." + WEB], "NXDOMAIN", [], id="no such name"),
        pytest.param([WEB, "-c", "CH"], "REFUSED", [], id="another class"),
        pytest.param([WEB, "+opcode=notify"], "NOTIMP", [], id="another opcode"),
        pytest.param(["-x", "10.96.184.143"], "NOERROR", [REVERSE], id="a reverse name"),
        pytest.param(
            ["-x", "198.18.0.10"], "NOERROR", ["10.0.18.198.in-addr.arpa. IN PTR www.example.org."], id="one outside"
        ),
        pytest.param(["-x", "2001:2::1"], "NXDOMAIN", [], id="one that nobody has"),
        pytest.param(["www.example.org"], "NOERROR", [WWW], id="a name outside"),
        pytest.param(["www.example.org", "+norec"], "NOERROR", [WWW], id="one outside, without recursion"),
        pytest.param(["www.example.org", "+tcp", "+cookie"], "NOERROR", [WWW], id="one outside, over TCP"),
        pytest.param(
            ["odd.example.org", "TYPE65333"], "NOERROR", ["odd.example.org. IN TYPE65333 \\# 3 010203"], id="odd data"
        ),
    ],
)
def test_dig_understands_every_reply(kdns: int, arguments: list[str], status: str, answer: list[str]) -> None:
    shown = dig(kdns, *arguments)
    assert (shown.status, shown.answer) == (status, answer), shown.words
    for complaint in ("malformed", "Warning", "Got bad packet", "mismatch", "communications error"):
        assert complaint not in shown.words, shown.words


@pytest.mark.parametrize("size", ["512", "1232", "4096"])
def test_what_has_no_room_is_cut_and_whole_over_tcp(kdns: int, size: str) -> None:
    crowd = f"crowd.{WEB.partition('.')[2]}"
    cut = dig(kdns, crowd, f"+bufsize={size}", "+ignore")
    assert "tc" in cut.flags
    assert 0 < len(cut.answer) < len(CROWD)
    whole = dig(kdns, crowd, f"+bufsize={size}")
    assert ";; Truncated, retrying in TCP mode." in whole.words
    assert len(whole.answer) == len(CROWD)
    assert "tc" not in whole.flags


def test_signatures_from_outside_reach_a_client_that_wants_them(kdns: int) -> None:
    plain, signed = (dig(kdns, "www.example.net", *more) for more in ([], ["+dnssec"]))
    assert len(plain.answer) == 1
    assert [line.split()[2] for line in signed.answer] == ["A", "RRSIG"]
    assert "do" in signed.edns
    denied = dig(kdns, "no.example.net", "+dnssec", "+authority")
    assert denied.status == "NXDOMAIN"
    assert "NSEC" in denied.words


def test_several_questions_go_over_one_connection(kdns: int) -> None:
    shown = dig(kdns, "+tcp", "+keepopen", WEB, "www.example.org", f"no.{WEB}", "-x", "10.96.184.143")
    assert shown.answer == sorted([AT_WEB, WWW, REVERSE])


def test_a_zone_is_not_for_everybody(kdns: int) -> None:
    command = [installed("dig"), "-p", str(kdns), "@127.0.0.1", "cluster.local", "AXFR"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "; Transfer failed." in ran.stdout
