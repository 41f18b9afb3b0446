from __future__ import annotations

from enum import IntEnum, IntFlag

import dns.edns
import dns.flags
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from kdns.proto.types import EDE, Class, Flag, Opcode, Option, RCode, RRType


def members(*kinds: type[IntEnum]) -> list[IntEnum]:
    return [member for kind in kinds for member in kind]


@pytest.mark.parametrize("member", members(RRType), ids=str)
def test_a_type_has_iana_s_number(member: RRType) -> None:
    assert int(dns.rdatatype.from_text(member.name)) == member.value


@pytest.mark.parametrize("member", members(Class), ids=str)
def test_a_class_has_iana_s_number(member: Class) -> None:
    assert int(dns.rdataclass.from_text(member.name)) == member.value


@pytest.mark.parametrize("member", members(Opcode), ids=str)
def test_an_opcode_has_iana_s_number(member: Opcode) -> None:
    assert int(dns.opcode.from_text(member.name)) == member.value


@pytest.mark.parametrize("member", members(RCode), ids=str)
def test_an_rcode_has_iana_s_number(member: RCode) -> None:
    assert int(dns.rcode.from_text(member.name)) == member.value


@pytest.mark.parametrize("member", list(Flag), ids=lambda flag: flag.name)
def test_a_flag_is_the_bit_that_dnspython_knows_by_its_name(member: IntFlag) -> None:
    assert dns.flags.Flag[member.name or ""] == member


@pytest.mark.parametrize("member", members(EDE), ids=str)
def test_an_info_code_has_iana_s_number(member: EDE) -> None:
    assert dns.edns.EDECode(member).name.startswith(member.name)


@pytest.mark.parametrize("member", members(Option), ids=str)
def test_an_option_has_iana_s_number(member: Option) -> None:
    assert dns.edns.OptionType[member.name].value == member.value
