"""A control plane on this machine: etcd, kube-apiserver and, where wanted, kube-controller-manager.

Everything is on 127.0.0.1, on ports that are free, in one folder. Nothing runs containers: the tests play
the kubelet (`kubelet.Kubelet`).
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import signal
from pathlib import Path

import trustme

from tests.e2e.api import Api, Json, RefusedError
from tests.e2e.process import Process, wait
from tests.e2e.programs import Programs
from tests.processes import lasting_port

ADMIN = "admin-token"
READER = "reader-token"
"""The token of the user `reader`, who may do nothing until a test says so."""
SERVICE_CIDRS = "10.96.0.0/16,fd00:10:96::/112"
START = 60.0
"""Seconds within which a program has started, on a machine that has much else to do."""
_CONTROLLERS = """
    daemonset-controller deployment-controller endpoints-controller endpointslice-controller
    endpointslice-mirroring-controller garbage-collector-controller namespace-controller
    replicaset-controller statefulset-controller
""".split()
"""Those that make what DNS shows. Not those that look after nodes: nothing here beats their hearts."""


class ControlPlane:
    """To be started and stopped; its API server and its etcd may be ended and started again in between.

    `api` is a client of one who may do everything.
    """

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.port = lasting_port()
        self.folder = folder
        self._etcd_port = lasting_port()
        self._authority = folder / "ca.crt"
        self._programs = programs
        self._data = folder / "etcd"
        self.api = Api(self.port, ADMIN, str(self._authority))
        self.certify()
        self._write_keys()
        self.etcd = Process(programs.etcd, self._etcd_flags(lasting_port()), folder / "etcd.log")
        self.apiserver = Process(programs.apiserver, self._apiserver_flags(), folder / "apiserver.log")
        self.controllers = Process(programs.controllers, self._controllers_flags(), folder / "controllers.log")

    def start(self, *, controllers: bool = False) -> None:
        """Return when the API server is ready."""
        self.etcd.start()
        self.restart()
        if controllers:
            self.controllers.start()

    def stop(self) -> None:
        """End all, at once."""
        for process in (self.controllers, self.apiserver, self.etcd):
            process.kill()
        self.api.close()

    def restart(self) -> None:
        """Start the API server that was killed, on the same port; return when it is ready."""
        self.apiserver.start()
        self.wait_until_ready()

    def heal(self) -> None:
        """Start the API server if it does not run."""
        if not self.apiserver.running:
            self.restart()

    def wait_until_ready(self) -> None:
        """Return when the API server says that it is."""
        wait(self._is_ready, START, "the API server is ready")

    def certify(self) -> None:
        """Give the API server a certificate of a new authority, from its next start on."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self._authority))
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(str(self.folder / "apiserver.key"))
        (self.folder / "apiserver.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))

    def kubeconfig(
        self, name: str = "admin", *, token: str = ADMIN, token_file: Path | None = None, port: int = 0
    ) -> Path:
        """A kubeconfig; `port` is that of something between the client and the API server."""
        user = {"tokenFile": str(token_file)} if token_file else {"token": token}
        server = {"server": f"https://127.0.0.1:{port or self.port}", "certificate-authority": str(self._authority)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": server}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": name}}],
            "current-context": "here",
        }
        file = self.folder / f"{name}.kubeconfig"
        file.write_text(json.dumps(config))
        return file

    def compact(self) -> None:
        """Let etcd forget all versions but the current ones."""
        everything = base64.b64encode(b"\0").decode()
        found = self._ask_etcd("/v3/kv/range", {"key": everything, "range_end": everything, "count_only": True})
        self._ask_etcd("/v3/kv/compaction", {"revision": found["header"]["revision"], "physical": True})

    def snapshot(self) -> Path:
        """A copy of what etcd holds now."""
        copy = self.folder / "snapshot"
        self.etcd.tell(signal.SIGSTOP)
        shutil.copytree(self._data, copy)
        self.etcd.tell(signal.SIGCONT)
        return copy

    def restore(self, snapshot: Path) -> None:
        """Go back to a snapshot, as from a backup: the API server has to start anew."""
        self.apiserver.kill()
        self.etcd.kill()
        shutil.rmtree(self._data)
        snapshot.rename(self._data)
        self.etcd.start()
        self.restart()

    def _is_ready(self) -> bool:
        self.etcd.check()
        self.apiserver.check()
        try:
            return bool(self.api.call("GET", "/readyz")["text"] == "ok")
        except (OSError, http.client.HTTPException, RefusedError):
            return False

    def _ask_etcd(self, path: str, body: Json) -> Json:
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=START)
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status == 200, text
        answer: Json = json.loads(text)
        return answer

    def _write_keys(self) -> None:
        """The key of service accounts' tokens, and the tokens of the two users."""
        key = trustme.CA().issue_cert("accounts").private_key_pem
        key.write_to_path(str(self.folder / "accounts.key"))
        (self.folder / "tokens.csv").write_text(f'{ADMIN},admin,1,"system:masters"\n{READER},reader,2\n')

    def _etcd_flags(self, peer_port: int) -> list[str]:
        clients, peers = (f"http://127.0.0.1:{port}" for port in (self._etcd_port, peer_port))
        return [
            f"--data-dir={self._data}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        ]

    def _apiserver_flags(self) -> list[str]:
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.folder}/apiserver.crt",
            f"--tls-private-key-file={self.folder}/apiserver.key",
            f"--service-cluster-ip-range={SERVICE_CIDRS}",
            "--endpoint-reconciler-type=none",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder}/accounts.key",
            f"--service-account-signing-key-file={self.folder}/accounts.key",
        ]

    def _controllers_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig('controllers')}",
            f"--service-account-private-key-file={self.folder}/accounts.key",
            f"--controllers={','.join(_CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ]
