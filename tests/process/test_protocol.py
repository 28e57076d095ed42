"""proto/PROTOCOL.md in practice: the command it gives to listen to the bus shows live messages."""

import os
import shlex
import subprocess
import time

from zk import ROOT, wait_until, webhook


def documented_nngcat(address):
    with open(os.path.join(ROOT, "proto", "PROTOCOL.md")) as f:
        line = next(line for line in f if line.strip().startswith("nngcat"))
    return shlex.split(line.replace("tcp://127.0.0.1:5551", address))


def test_nngcat_shows_live_messages(stack, tmp_path):
    stack.hub()
    stack.ingest()
    heard = tmp_path / "heard"
    with open(heard, "wb") as out:
        tap = subprocess.Popen(documented_nngcat(stack.env["ZAPKEEP_BUS_OUT"]), stdout=out)

    def ring():
        assert stack.post(webhook(session="alice", message_id=f"M{time.monotonic_ns()}", text="hello"))[0] == 200
        return b"message.received/main/alice" in heard.read_bytes()

    try:
        wait_until("nngcat hears a message", ring, step=0.3)
    finally:
        tap.kill()
        tap.wait()
    line = next(line for line in heard.read_bytes().splitlines() if b"message.received" in line)
    assert line.startswith(b'"message.received/main/alice\\x00')
    assert b"webhook-ingest" in line and b'\\"sessionId\\":\\"alice\\"' in line
