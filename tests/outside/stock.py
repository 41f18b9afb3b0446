"""The Corefiles that most clusters run, word for word.

From Kubernetes (cmd/kubeadm/app/phases/addons/dns/manifests.go, cluster/addons/dns/nodelocaldns), filled in
as its installers do, and from the CoreDNS project's Helm chart 1.46.2, as its default values render.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LOCAL, KUBE_DNS = "169.254.20.10", "10.96.0.10"
"""Where NodeLocal DNSCache listens: its own address, and that of the Service kube-dns."""

KUBEADM = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""

CHART = """\
.:53 {
    errors
    health {
        lameduck 10s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 0.0.0.0:9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
"""

_NODE_LOCAL = """\
__PILLAR__DNS__DOMAIN__:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    health __PILLAR__LOCAL__DNS__:8080
    }
in-addr.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
ip6.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
.:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }
"""


def node_local(cluster_dns: str, *, ipvs: bool = False) -> str:
    """NodeLocal DNSCache's Corefile, for kube-proxy's mode iptables or ipvs.

    The installation guide fills in the domain, and the addresses to listen on: with ipvs that of kube-dns is left
    out. node-local-dns fills in the address of the Service kube-dns-upstream, and resolv.conf where the ConfigMap
    kube-dns names no servers (kubernetes/dns, cmd/node-cache/app/configmap.go).
    """
    filled = {
        "__PILLAR__LOCAL__DNS__": LOCAL,
        "__PILLAR__DNS__DOMAIN__": "cluster.local",
        "__PILLAR__DNS__SERVER__": "" if ipvs else KUBE_DNS,
        "__PILLAR__CLUSTER__DNS__": cluster_dns,
        "__PILLAR__UPSTREAM__SERVERS__": "/etc/resolv.conf",
    }
    text = _NODE_LOCAL
    for placeholder, value in filled.items():
        text = text.replace(placeholder, value)
    return text


def on_loopback(text: str, upstreams: Sequence[str], port: int = 0) -> str:
    """The same Corefile where port 53 and others' addresses cannot be had, and a resolv.conf can name no port.

    What changes: port 53, the ports of pages, NodeLocal's two addresses, /etc/resolv.conf.
    """
    text = re.sub(r":53 {$", f":{port} {{", text, flags=re.MULTILINE)
    text = re.sub(r"prometheus \S+", "prometheus 127.0.0.1:0", text)
    text = re.sub(r"(health|ready)( 169\S+)?(?=$| {)", r"\1 127.0.0.1:0", text, flags=re.MULTILINE)
    text = text.replace(f"bind {LOCAL}", "bind 127.0.0.1").replace(f" {KUBE_DNS}\n", " 127.0.0.2\n")
    return text.replace("/etc/resolv.conf", " ".join(upstreams))
