"""Questions for a newcomer: each of them must be answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.kube.objects import Namespace, Object, Port
from kdns.kube.resolve import resolve
from kdns.kube.samples import samples
from kdns.proto.name import Name, from_text, longest
from kdns.proto.reverse import reverse_zones
from tests.kube.known import OPTIONS, REVERSE, REVERSE6, SHOP, ZONE, endpoint, index_of, question, service, slice_of

HIDDEN = Namespace("vault", exposed=False)
WEB = (service("web", "10.0.0.1"), slice_of(endpoint("10.244.0.1")))
SIX = (service("six", "fd00::1"), slice_of(endpoint("10.244.0.6"), endpoint("10.244.0.7"), service="six"))
DB = (service("db"), slice_of(endpoint("10.244.0.2", ports=(Port("", 1), Port("sql", 5432))), service="db"))
BARE = (service("bare"), slice_of(endpoint("10.244.0.3", ports=(Port("", 1), Port("p" * 63, 2))), service="bare"))
SECRET = (
    service("secret", "10.9.0.1", namespace="vault"),
    slice_of(*(endpoint(f"10.244.9.{n}") for n in range(1, 9)), service="secret", namespace="vault"),
)
WEB_A = ("web.shop.svc.cluster.local.", "A")
WEB_PTR = ("1.0.0.10.in-addr.arpa.", "PTR")
DB_SRV = ("_sql._tcp.db.shop.svc.cluster.local.", "SRV")
ALL = (ZONE, REVERSE, REVERSE6)


@pytest.mark.parametrize(
    ("objects", "zones", "questions"),
    [
        pytest.param([*WEB, *DB], ALL, [WEB_A, DB_SRV, WEB_PTR], id="one of each"),
        pytest.param([*WEB], (ZONE,), [WEB_A], id="no reverse zone"),
        pytest.param([*WEB], (ZONE, *reverse_zones("10.96.0.0/16")), [WEB_A], id="a reverse zone of others"),
        pytest.param([*WEB], (ZONE, *reverse_zones("10.0.0.0/24")), [WEB_A, WEB_PTR], id="its reverse zone"),
        pytest.param([*DB], ALL, [DB_SRV], id="headless only"),
        pytest.param([*BARE], ALL, [("bare.shop.svc.cluster.local.", "SRV")], id="no port has a name"),
        pytest.param([service("web", "10.0.0.1"), service("db")], ALL, [], id="nothing is ready"),
        pytest.param([], ALL, [], id="nothing"),
        pytest.param(
            [*WEB, *SIX],
            (ZONE, REVERSE),
            [("six.shop.svc.cluster.local.", "AAAA")],
            id="most endpoints first; its family, and nobody to ask for its pointer",
        ),
        pytest.param([HIDDEN, *SECRET, *WEB], ALL, [WEB_A, WEB_PTR], id="what can be asked for"),
        pytest.param([slice_of(endpoint("10.244.0.1"), service="orphan")], ALL, [], id="no Service"),
    ],
)
def test_samples_are_answered(objects: list[Object], zones: tuple[Name, ...], questions: list[tuple[str, str]]) -> None:
    index = index_of(SHOP, *objects)
    assert list(samples(index, zones)) == questions
    for name, type in questions:
        zone = longest(from_text(name), {zone: zone for zone in zones})
        assert zone is not None
        assert resolve(question(name, type), zone, index, replace(OPTIONS, zones=zones)).answer
