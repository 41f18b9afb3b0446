"""The closed list of reasons; which question has which: tests/spec/test_reasons.py."""

from __future__ import annotations

import re

import pytest

from kdns.kube.reason import Reason, because
from kdns.proto.message import Ede
from kdns.proto.types import EDE

POSITIVE = {"apex", "schema_version", "name_server", "service", "endpoint", "external_name", "pod", "address"}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_word_and_a_sentence_without_a_final_dot(reason: Reason) -> None:
    assert re.fullmatch("[a-z]+(_[a-z]+)*", reason)
    sentence = because(reason, *"abcd").sentence
    assert sentence
    assert not sentence.endswith(".")
    assert "{" not in sentence


@pytest.mark.parametrize("reason", Reason)
def test_only_what_was_not_answered_is_told(reason: Reason) -> None:
    found = because(reason, *"abcd")
    assert found.answered == (str(reason) in POSITIVE)
    assert (found.ede is None) == found.answered


def test_an_error_has_the_sentence() -> None:
    assert because(Reason.NO_SUCH_NAMESPACE, "shop").ede == Ede(EDE.OTHER, "namespace shop does not exist")
    assert because(Reason.NOT_SYNCED, "it").ede == Ede(EDE.NOT_READY, "the cluster is not known yet: waiting for it")


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_is_parted_around_the_last_that_it_speaks_of(reason: Reason) -> None:
    places = because(reason, *"****").sentence.count("*")
    about = "abcd"[:places]
    found = because(reason, *about)
    if not about:
        assert found.around_last is None
    else:
        assert about[-1].join(found.around_last or ()) == found.sentence
