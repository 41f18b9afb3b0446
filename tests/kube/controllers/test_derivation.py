"""What is derived step by step, from what each step looks at, is what all steps derive from everything."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube.controllers import Memory, Settings, control, derivation, namespaces
from kdns.kube.controllers.clusterips import give_cluster_ips
from kdns.kube.controllers.endpointslices import make_slices
from kdns.kube.controllers.identity import in_order, problems_in_order
from kdns.kube.controllers.memory import Made
from kdns.kube.controllers.pods import give_pod_ips
from kdns.kube.controllers.workloads import make_pods
from kdns.kube.document import Document, Origin
from tests.kube.controllers.folder import OFF, read
from tests.kube.controllers.test_control import SHOP, TEXTS, TIGHT, scattered

SHARED = Settings(service_cidrs=(ip_network("10.9.0.0/28"),), pod_cidrs=(ip_network("10.9.0.0/28"),))
CHOSEN = st.sampled_from([Settings(), TIGHT, SHARED, Settings(service_cidrs=(), pod_cidrs=())])


def everything(documents: Sequence[Document], chosen: Settings) -> Made:
    """Each step looks at all that there is."""
    found = [namespaces.labelled(document) for document in documents]
    found, problems = give_cluster_ips(found + namespaces.default(found), chosen)
    made, more = make_pods(found)
    found, yet_more = give_pod_ips(found + made, chosen)
    return found + make_slices(found, chosen), problems + more + yet_more


@settings(deadline=None)
@given(TEXTS.map(scattered), CHOSEN)
def test_each_step_is_given_all_that_it_depends_on(documents: list[Document], chosen: Settings) -> None:
    documents = [each for each in control(documents, OFF)[0] if each.origin.file]
    found, problems = derivation.derive(documents, chosen, Memory())
    whole, all_problems = everything(documents, chosen)
    assert in_order(found) == in_order(whole)
    assert problems_in_order(problems) == problems_in_order(all_problems)


@settings(deadline=None)
@given(TEXTS.map(scattered), st.data(), CHOSEN | st.just(OFF))
def test_what_is_remembered_changes_no_result(pool: list[Document], data: st.DataObject, chosen: Settings) -> None:
    memory = Memory()
    for _ in range(4):
        kept = data.draw(st.lists(st.booleans(), min_size=len(pool), max_size=len(pool)))
        given = [each for each, stays in zip(pool, kept, strict=True) if stays]
        mentions = data.draw(
            st.lists(st.sampled_from([("b", Origin("m", 1, 1)), ("d", Origin("n", 1, 1))]), max_size=2)
        )
        found = control(given, chosen, mentions=mentions, memory=memory)
        assert found == control(given, chosen, mentions=mentions)


@settings(deadline=None)
@given(TEXTS.map(scattered), CHOSEN | st.just(OFF))
def test_what_did_not_change_is_the_same_object(documents: list[Document], chosen: Settings) -> None:
    memory = Memory()
    once, twice = (control(documents, chosen, memory=memory)[0] for _ in range(2))
    assert all(one is other for one, other in zip(once, twice, strict=True))


def test_only_the_namespace_of_a_change_is_gone_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gone_through: list[set[str]] = []

    def noted(documents: Sequence[Document], settings: Settings) -> list[Document]:
        gone_through.append({each.namespace for each in documents if each.kind != "Node"})
        return make_slices(documents, settings)

    monkeypatch.setattr(derivation, "make_slices", noted)
    memory, before = Memory(), read(SHOP)
    control(before, Settings(), memory=memory)
    assert sorted(map(sorted, gone_through)) == [["default"], ["other"], ["shop"]]
    gone_through.clear()
    changed = read("{kind: Service, metadata: {name: more, namespace: other}, spec: {clusterIP: 10.96.0.77}}", "z.yaml")
    found, _ = control([*before, *changed], Settings(), memory=memory)
    assert gone_through == [{"other"}]
    assert found == control([*before, *changed], Settings())[0]
