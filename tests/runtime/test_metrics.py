import socket
import subprocess
import sys
import urllib.request

from runtime.metrics import runtime_with_metrics
from runtime.settings import load_settings

SERVES = """
import sys
from runtime.exits import leave
from runtime.metrics import MetricsPortTaken, runtime_with_metrics
from runtime.settings import load_settings
try:
    runtime = runtime_with_metrics(load_settings(metrics_port=int(sys.argv[1])))
except MetricsPortTaken as fault:
    print(fault, flush=True)
    leave(1)
print("serving", flush=True)
sys.stdin.read()
leave(0)
"""


def test_without_a_port_there_are_none() -> None:
    assert runtime_with_metrics(load_settings()) is None


def test_metrics_are_served_and_a_taken_port_is_named() -> None:
    """In processes of their own: an SDK runtime lives as long as its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    first = subprocess.Popen(
        [sys.executable, "-c", SERVES, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "serving\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert answer.status == 200
        second = subprocess.run(
            [sys.executable, "-c", SERVES, port], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert second.returncode == 1
        assert "BATON_METRICS_PORT" in second.stdout
    finally:
        first.communicate()
    assert first.returncode == 0
