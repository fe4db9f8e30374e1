"""The server under test: one that runs already (SLUICE_URL), or one started from a binary (SLUICE_BIN) on free ports."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 15
STOP_TIMEOUT_S = 5
OWN_KEY = "testkey"
OWN_SECRET = "a-secret-of-the-tests-with-more-than-32-characters"

# Metrics that count a limit for clients (docs/limits.md); those that behave meet none.
COUNTS_A_LIMIT = re.compile(
    r'sluice_(limit_hits_total\{|rooms_failed_total|drops_total\{.*"'
    r'(too_long|too_many_ssrcs|not_sealed|data_refused|lossy_data_over_budget)")'
)


@dataclass(frozen=True)
class Server:
    url: str
    api_key: str
    api_secret: str

    @property
    def http(self) -> str:
        return self.url.replace("ws", "http", 1)


@contextlib.contextmanager
def running_server(webhook_url: str):
    """Yields the server to test and ends it afterwards if it was started here; such a one tells a receiver of its rooms."""
    if url := os.environ.get("SLUICE_URL"):
        key, secret = os.environ.get("SLUICE_API_KEY", "devkey"), os.environ.get("SLUICE_API_SECRET", "secret")
        yield Server(url.rstrip("/"), key, secret)
        return
    binary = os.environ.get("SLUICE_BIN")
    if not binary:
        raise RuntimeError("set SLUICE_URL (with SLUICE_API_KEY and SLUICE_API_SECRET) or SLUICE_BIN")
    port, metrics_port = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_STREAM)
    log_file = _log_directory() / f"server-{port}.log"
    with open(log_file, "wb") as log:
        process = subprocess.Popen([binary, "--config-body", _config(port, metrics_port, webhook_url)], stdout=log, stderr=log)
        try:
            _wait_until_ready(process, port, log_file)
            yield Server(f"ws://{LOOPBACK}:{port}", OWN_KEY, OWN_SECRET)
            if process.poll() is not None:
                raise RuntimeError(f"the server ended during the tests:\n{_tail(log_file)}")
            if met := _limits_met(metrics_port):
                raise RuntimeError(f"limits that clients met who did nothing but use the server: {met}")
        finally:
            _stop(process)


def _limits_met(metrics_port: int) -> list[str]:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{metrics_port}/metrics", timeout=START_TIMEOUT_S) as answer:
        metrics = answer.read().decode().splitlines()
    counts = [line for line in metrics if COUNTS_A_LIMIT.match(line)]
    if not counts:
        raise RuntimeError("the server counts no limits")
    return [line for line in counts if not line.endswith(" 0")]


def _config(port: int, metrics_port: int, webhook_url: str) -> str:
    # JSON is YAML: the configuration needs no second syntax here.
    return json.dumps({
        "port": port,
        "prometheus": {"port": metrics_port},
        "bind_addresses": [LOOPBACK],
        "keys": {OWN_KEY: OWN_SECRET},
        "webhook": {"api_key": OWN_KEY, "allow_private": True, "urls": [webhook_url]},
        "rtc": {
            "tcp_port": _free_port(socket.SOCK_STREAM),
            "udp_port": _free_port(socket.SOCK_DGRAM),
            "node_ip": LOOPBACK,
            "enable_loopback_candidate": True,
            "use_external_ip": False,
        },
    })


def _wait_until_ready(process: subprocess.Popen, port: int, log_file: pathlib.Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/", timeout=1) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.05)
    raise RuntimeError(f"the server does not answer (exit code {process.poll()}):\n{_tail(log_file)}")


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _log_directory() -> pathlib.Path:
    directory = os.environ.get("SLUICE_TEST_LOGS") or os.path.join(tempfile.gettempdir(), "sluice-client-tests")
    path = pathlib.Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _tail(file: pathlib.Path, lines: int = 30) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
