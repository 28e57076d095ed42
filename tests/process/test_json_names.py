"""Every command calls a fact of a session by the same name, which is that of the bus (PROTOCOL.md)."""

import json

import zk
from test_monitor import FAST

STATES = {"starting", "qr_pending", "connected", "disconnected", "logged_out", "failed", "lost"}


def qr(stack):
    """On the contract the code may come by webhook."""
    done = stack.cli("session", "qr", "new-1", "--json")
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else None


def test_a_session_is_named_alike_everywhere(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "1")
    s.wait_session("demo-1", "connected")
    said = {"create": s.cli_json("session", "create", "new-1"),
            "qr": zk.wait_until("there is a code", lambda: qr(s)),
            "sessions": [row for row in s.cli_json("sessions") if row["session"] == "demo-1"],
            "show": s.cli_json("session", "show", "demo-1"),
            "park": s.cli_json("session", "park", "demo-1"),
            "unpark": s.cli_json("session", "unpark", "demo-1"),
            "delete": s.cli_json("session", "delete", "new-1", "--yes")}
    for command, rows in said.items():
        assert len(rows) == 1, command
        assert rows[0]["session"] == ("new-1" if command in ("create", "qr", "delete") else "demo-1"), command
        assert rows[0]["bridge"] == "main", command
    for command in ("create", "qr", "sessions", "show"):
        assert said[command][0]["state"] in STATES, command
        assert {"phone", "name"} <= said[command][0].keys(), command
    s.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("the alert is raised", lambda: s.cli_json("status")[0]["alerts"])
    assert s.cli_json("status")[0]["alerts"][0]["session"] == "demo-1"
    refused = s.cli("session", "reconnect", "demo-1", "--json")
    assert refused.returncode == 1 and '"session":"demo-1"' in refused.stdout.replace(" ", "")
