"""The store: which endpoints belong to which Service, and that order and repetition do not matter."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube.index import Index, Touched
from kdns.kube.objects import (
    Endpoint,
    Endpoints,
    Kind,
    Namespace,
    Object,
    Pod,
    Port,
    Ref,
    Service,
    ServiceImport,
    Slice,
)
from kdns.kube.store import Store
from kdns.metrics import Metrics

A, B, C = (bytes([10, 0, 0, last]) for last in (1, 2, 3))
WEB = ("shop", "web")


class Heard:
    def __init__(self) -> None:
        self.keys: set[Hashable] = set()
        self.times = 0

    def __call__(self, keys: Iterable[Hashable]) -> None:
        self.keys |= set(keys)
        self.times += 1


def make(*objects: Object) -> tuple[Store, Heard]:
    heard = Heard()
    store = Store(heard, lambda: 1_700_000_000.9, Metrics())
    store.update(objects)
    heard.keys, heard.times = set(), 0
    return store, heard


def endpoint(address: bytes, **more: object) -> Endpoint:
    return Endpoint((address,), (Port("http", 80),), **more)  # type: ignore[arg-type]


SERVICE = Service("shop", "web", headless=True)
SLICE = Slice("shop", "web-1", "web", (endpoint(A), endpoint(B, ready=False)))
MANUAL = Endpoints("shop", "web", (endpoint(C),))


@pytest.mark.parametrize(
    ("objects", "ready", "sources"),
    [
        pytest.param([SERVICE], [], [], id="nothing"),
        pytest.param([SERVICE, SLICE], [A], ["web-1"], id="slice"),
        pytest.param([SERVICE, MANUAL], [C], ["web"], id="endpoints"),
        pytest.param([SERVICE, SLICE, MANUAL], [A], ["web-1"], id="slice wins over endpoints"),
        pytest.param([SERVICE, MANUAL._replace(skip_mirror=True)], [], [], id="skip-mirror"),
        pytest.param(
            [SERVICE, SLICE, SLICE._replace(name="web-0", endpoints=(endpoint(C),))],
            [C, A],
            ["web-0", "web-1"],
            id="two slices, by name",
        ),
        pytest.param(
            [SERVICE, SLICE, SLICE._replace(name="web-2", endpoints=(endpoint(A), endpoint(B)))],
            [A, B],
            ["web-1", "web-2"],
            id="in two slices at once: once, ready if anywhere ready",
        ),
        pytest.param([SERVICE, SLICE._replace(service="other")], [], [], id="slice of another service"),
        pytest.param([SERVICE, SLICE._replace(namespace="else")], [], [], id="slice in another namespace"),
        pytest.param([SERVICE, SLICE._replace(service="", of_import="web")], [], [], id="slice of an import"),
        pytest.param([SERVICE._replace(name="WEB"), SLICE._replace(service="Web")], [A], ["web-1"], id="without case"),
    ],
)
def test_a_service_has_its_slices_endpoints_or_else_its_endpoints(
    objects: list[Object], ready: list[bytes], sources: list[str]
) -> None:
    store, _ = make(*objects)
    backed = store.index.services[WEB]
    assert [each.addresses[0] for each in backed.ready] == ready
    assert [ref.name for ref in backed.sources] == sources


def test_endpoints_without_a_service_are_known_but_have_no_pointer() -> None:
    store, _ = make(MANUAL)
    assert store.index.services[WEB].service is None
    assert store.index.endpoint_ips.owners[C] == ()


def test_a_slice_whose_label_changes_leaves_the_old_service_and_joins_the_new() -> None:
    store, heard = make(SERVICE, Service("shop", "api", headless=True), SLICE)
    store.update([SLICE._replace(service="api")])
    assert store.index.services[WEB].ready == ()
    assert [each.addresses for each in store.index.services["shop", "api"].ready] == [(A,)]
    assert {Touched.service(WEB), Touched.service(("shop", "api")), Touched.address(A)} <= heard.keys


def test_an_equal_object_touches_nothing() -> None:
    store, heard = make(SERVICE, SLICE)
    store.update([SERVICE, SLICE])
    store.replace([SERVICE, SLICE])
    assert (heard.keys, heard.times) == (set(), 0)


def test_a_change_touches_its_own_service_and_addresses_only() -> None:
    other = Slice("shop", "api-1", "api", (endpoint(C),))
    store, heard = make(SERVICE, SLICE, Service("shop", "api", headless=True), other)
    store.update([other._replace(endpoints=(endpoint(C, hostname="c"),))])
    assert heard.keys == {Touched.service(("shop", "api")), Touched.address(C)}


def test_one_ready_endpoint_of_many_touches_its_own_address_only() -> None:
    store, heard = make(SERVICE, SLICE)
    store.update([SLICE._replace(endpoints=(endpoint(A), endpoint(B)))])
    prefixes = {key for key in heard.keys if isinstance(key, tuple) and key[0] == "prefix"}
    assert heard.keys - prefixes == {Touched.service(WEB), Touched.address(B)}


def test_parents_in_the_reverse_tree_come_and_go_with_the_last_address_below() -> None:
    store, heard = make(Namespace("shop"), SERVICE, SLICE)
    assert bytes([10, 0]) in store.index.endpoint_ips.prefixes
    store.update([], [SLICE.ref])
    assert bytes([10, 0]) not in store.index.endpoint_ips.prefixes
    assert Touched.prefix(bytes([10, 0])) in heard.keys


def test_an_unknown_object_can_be_dropped() -> None:
    store, heard = make(SERVICE)
    store.update([], [Ref(Kind.POD, "shop", "nobody"), Ref(Kind.SLICE, "shop", "nothing")])
    assert heard.times == 0


def test_the_serial_is_the_time_of_the_last_change() -> None:
    store, _ = make()
    assert store.index.serial == 0
    store.update([SERVICE])
    assert store.index.serial == 1_700_000_000


def test_the_serial_never_goes_back_with_the_clock() -> None:
    times = iter([1_700_000_000.0, 1_600_000_000.0])
    store = Store(Heard(), lambda: next(times), Metrics())
    store.update([SERVICE])
    store.update([SLICE])
    assert store.index.serial == 1_700_000_000


def test_imports_are_kept_apart_from_services() -> None:
    imported = ServiceImport("shop", "web", (B,), (Port("http", 80),))
    of_import = SLICE._replace(name="far", service="", of_import="web", endpoints=(endpoint(A, cluster="east"),))
    store, heard = make(imported, of_import)
    assert WEB not in store.index.services
    assert store.index.imports[WEB].ready[0].cluster == "east"
    store.update([], [imported.ref])
    assert heard.keys == {Touched.imported(WEB)}


def test_a_slice_may_be_of_a_service_and_of_an_import() -> None:
    both = SLICE._replace(of_import="far")
    store, _ = make(SERVICE, ServiceImport("shop", "far", headless=True), both)
    assert store.index.services[WEB].sources == (SLICE.ref,)
    assert store.index.imports["shop", "far"].sources == (SLICE.ref,)
    store.update([], [SLICE.ref])
    left = store.index.services[WEB], store.index.imports["shop", "far"]
    assert [backed.sources for backed in left] == [(), ()]


NAMES = st.sampled_from(["web", "api", "db"])
SPACES = st.sampled_from(["shop", "office"])
ADDRESSES = st.sampled_from([A, B, C, bytes(15) + b"\1", bytes(15) + b"\2"])
ENDPOINTS = st.lists(
    st.builds(
        lambda address, hostname, ready: endpoint(address, hostname=hostname, ready=ready),
        ADDRESSES,
        st.sampled_from(["", "a", "b"]),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)
IPS = st.lists(ADDRESSES, max_size=2).map(tuple)
OBJECTS = st.one_of(
    st.builds(Service, SPACES, NAMES, IPS),
    st.builds(Slice, SPACES, st.sampled_from(["s1", "s2"]), NAMES, ENDPOINTS, NAMES | st.just("")),
    st.builds(Endpoints, SPACES, NAMES, ENDPOINTS, st.booleans()),
    st.builds(Pod, SPACES, NAMES, IPS),
    st.builds(Namespace, SPACES, st.booleans()),
    st.builds(ServiceImport, SPACES, NAMES, IPS),
)
EVENTS = st.lists(st.tuples(st.booleans(), OBJECTS), max_size=30)


def contents(index: Index) -> dict[str, object]:
    return {
        "services": index.services,
        "imports": index.imports,
        "namespaces": index.namespaces,
        "cluster_ips": {each: index.cluster_ips.owners[each] for each in index.cluster_ips.owners},
        "endpoint_ips": {each: index.endpoint_ips.owners[each] for each in index.endpoint_ips.owners},
        "pods": {each: index.pods[each] for each in index.pods},
        "cluster prefixes": dict(index.cluster_ips.prefixes._count),  # noqa: SLF001
        "endpoint prefixes": dict(index.endpoint_ips.prefixes._count),  # noqa: SLF001
    }


@given(EVENTS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_order_and_repetition_of_events_ends_in_the_index_of_the_final_objects(
    events: list[tuple[bool, Object]], random: object
) -> None:
    store, _ = make()
    final: dict[Ref, Object] = {}
    for exists, changed in events:
        if exists:
            store.update([changed])
            final[changed.ref] = changed
        else:
            store.update([], [changed.ref])
            final.pop(changed.ref, None)
    shuffled = list(final.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    fresh, _ = make(*shuffled)
    assert contents(store.index) == contents(fresh.index)
    assert +store.counts == +fresh.counts


@given(EVENTS, st.lists(OBJECTS, max_size=10))
@settings(deadline=None)
def test_replacing_everything_is_the_same_as_beginning_with_it(
    events: list[tuple[bool, Object]], objects: list[Object]
) -> None:
    store, _ = make()
    for _, changed in events:
        store.update([changed])
    store.replace(objects)
    fresh, _ = make(*objects)
    assert contents(store.index) == contents(fresh.index)


def test_it_counts_objects_that_were_new_different_or_gone() -> None:
    store, _ = make()
    shop, web = Namespace("shop"), Service("shop", "web")
    for count in (2, 2):
        store.update([shop, web])
        assert store.changes == count
    for count in (3, 3):
        store.update([], [web.ref])
        assert store.changes == count
    assert list(store.objects) == [shop]
