"""The hub among bad neighbours: a subscriber that does not read, a publisher of nonsense, empty messages by the million."""

import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

import zk

PUB, SUB = 0x20, 0x21
MIB = 1 << 20


def connect(stack, port):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(zk.PATIENCE)
    s.connect(stack.bus[port])
    return s


def dial(stack, port, kind):
    """A connection that speaks as nng's sockets do, and does nothing else by itself."""
    s = connect(stack, port)
    s.sendall(struct.pack(">4sHH", b"\0SP\0", kind, 0))
    assert s.recv(8) == struct.pack(">4sHH", b"\0SP\0", SUB if kind == PUB else PUB, 0)
    return s


def frame(message):
    return b"\1" + struct.pack(">Q", len(message)) + message


def metric(stack, name, **labels):
    text = zk.http("GET", f"http://127.0.0.1:{stack.ports['hub']}/metrics")[2].decode()
    for line in text.splitlines():
        m = re.match(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if m and m.group(1) == name and all(f'{k}="{v}"' in m.group(2) for k, v in labels.items()):
            return float(m.group(3))
    return None


def peak_mib(process):
    with open(f"/proc/{process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


@pytest.mark.release  # the sanitizers keep freed memory
def test_a_stalled_tap_is_cut_and_the_hub_stays_small(stack):
    hub = stack.hub()
    zk.wait_until("the hub listens", lambda: metric(stack, "zapkeep_hub_waiting_bytes") is not None, needs=hub)
    stalled = [dial(stack, "out", SUB), dial(stack, "feed", SUB)]
    stack.ingest()
    tap = stack.tap("message.")  # this one reads
    publisher = dial(stack, "in", PUB)
    body = b"x" * (MIB - 100)
    for i in range(300):
        publisher.sendall(frame(b"noise/%d/\0" % i + body))
    publisher.sendall(frame(b"log.head//\0\x80"))
    zk.wait_until("both are cut", lambda: metric(stack, "zapkeep_hub_closed_total", reason="slow") == 2, needs=hub)
    zk.wait_until("their memory is free", lambda: metric(stack, "zapkeep_hub_waiting_bytes") == 0, needs=hub)
    assert peak_mib(hub) < 128
    for s in stalled:
        zk.wait_until("it is closed", lambda: s.recv(MIB) == b"", 60, 0)
        s.close()
    assert tap.running()
    publisher.close()


@pytest.mark.no_store
def test_a_publisher_of_nonsense_is_closed_and_counted(stack):
    hub = stack.hub()
    zk.wait_until("the hub listens", lambda: metric(stack, "zapkeep_hub_waiting_bytes") is not None, needs=hub)
    for n, wrong in enumerate([b"", b"\0\0\0\0\0", b"no end", b"\0\0\0\0\7a/b/\0", b"a topic//\0\x80"], 1):
        s = dial(stack, "in", PUB)
        s.sendall(frame(wrong))
        assert s.recv(1) == b""
        s.close()
        zk.wait_until("it is counted", lambda: metric(stack, "zapkeep_hub_closed_total", reason="malformed") == n)
    nonsense = connect(stack, "in")
    nonsense.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    zk.wait_until("it is counted", lambda: metric(stack, "zapkeep_hub_closed_total", reason="malformed") == 6)
    nonsense.close()


@pytest.mark.no_store
def test_ten_mebibytes_of_empty_messages_hold_nobody_up(stack):
    """Each was a message of nng to every subscriber: four bytes in held the hub's loop for a second and more."""
    hub = stack.hub()
    zk.wait_until("the hub listens", lambda: metric(stack, "zapkeep_hub_waiting_bytes") is not None, needs=hub)
    listener, s = dial(stack, "out", SUB), dial(stack, "in", PUB)
    batch = frame(b"\0" + bytes(MIB))
    try:
        for _ in range(10):
            s.sendall(batch)
    except OSError:
        pass  # it was closed at the first of them
    before = time.monotonic()
    assert metric(stack, "zapkeep_hub_closed_total", reason="malformed") is not None
    took = time.monotonic() - before
    zk.wait_until("it is counted", lambda: metric(stack, "zapkeep_hub_closed_total", reason="malformed") == 1)
    assert metric(stack, "zapkeep_hub_waiting_bytes") == 0 and took < zk.PATIENCE
    listener.close()


def post_large(stack, n):
    with socket.create_connection(("127.0.0.1", stack.ports["ingest"]), timeout=zk.PATIENCE) as s:
        for i in range(n):
            body = zk.webhook(message_id=f"large-{i}", text="x" * (900 * 1024)).encode()
            s.sendall(f"POST /api/v1/messages/webhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.token}\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert b" 200 " in s.recv(65536)


@pytest.mark.release
def test_a_hub_that_hangs_costs_a_publisher_no_more_than_its_queue(stack):
    """Each large webhook is a message of its own, and nng counts messages: a thousand of them were a gigabyte."""
    hub = stack.hub()
    ingest = stack.ingest()
    zk.wait_until("the publisher is connected", lambda: metric(stack, "zapkeep_hub_peers", side="publisher"))
    hub.popen.send_signal(signal.SIGSTOP)
    post_large(stack, 300)
    hub.popen.send_signal(signal.SIGCONT)
    assert peak_mib(ingest) < 232


@pytest.mark.release
def test_a_tap_whose_output_nobody_reads_stays_small(stack):
    stack.hub()
    stack.ingest()
    ours, theirs = os.pipe()
    tap = subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "tap", "--json", "log.head", "message."], env=stack.env, stdout=theirs)
    os.close(theirs)
    assert os.read(ours, 1)  # it is connected
    post_large(stack, 300)
    zk.wait_until("all of it is passed on or dropped", lambda: metric(stack, "zapkeep_hub_waiting_bytes") == 0)
    assert peak_mib(tap) < 232
    tap.kill()
    tap.wait()
    os.close(ours)
