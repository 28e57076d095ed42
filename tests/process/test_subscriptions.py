"""Webhook subscriptions at a bridge: read by the monitor and by `zapkeep bridge check`, alerted when they have changed, and set
again once where that is wanted. The bridge is a stand-in that answers as Evolution API was recorded to do."""

import http.server
import json
import os
import threading
import urllib.parse

import pytest
import zk
from test_console_api import Console, check_answer

EVENTS = ["MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE", "QRCODE_UPDATED"]


class Handler(http.server.BaseHTTPRequestHandler):
    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self.server.evolution.answer(self.command, urllib.parse.urlparse(self.path).path, body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = handle_any

    def log_message(self, *args):
        pass


class Evolution:
    """Sessions with their state and their subscription; `keeps` False: it takes a new subscription and forgets it."""

    def __init__(self):
        self.states, self.hooks, self.sets, self.reads, self.keeps, self.fault = {}, {}, [], [], True, None
        self.held = threading.Event()  # until it is set a read of a subscription waits
        self.held.set()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.evolution = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, path, body):
        parts = path.strip("/").split("/")
        if path == "/instance/fetchInstances":
            return 200, [{"name": s, "connectionStatus": "open"} for s in self.states]
        if parts[:2] == ["instance", "connectionState"]:
            return 200, {"instance": {"instanceName": parts[2], "state": self.states[parts[2]]}}
        if parts[:2] == ["webhook", "find"]:
            self.reads.append(parts[2])
            self.held.wait(20)
            return self.fault or (200, self.hooks.get(parts[2]))
        if parts[:2] == ["webhook", "set"]:
            self.sets.append((parts[2], json.loads(body)["webhook"]))
            if self.keeps:
                new = self.sets[-1][1]
                self.hooks[parts[2]] = {"url": new["url"] + "/", "headers": new.get("headers"), "enabled": True,
                                        "events": new["events"][::-1], "webhookByEvents": False}
            return 201, self.hooks.get(parts[2]) or {}
        return 404, {"status": 404, "error": "Not Found", "response": {"message": [f"Cannot {method} {path}"]}}


@pytest.fixture
def bridge(stack):
    evolution = Evolution()
    stack.env.update({"WHATSAPP_API_URL": evolution.url, "WHATSAPP_BRIDGE": "evolution", "WEBHOOK_CHECK_INTERVAL": "1s",
                      "WEBHOOK_CHECK_AFTER": "0s", "WEBHOOK_URL": f"http://zapkeep:8000/webhook/main"})
    yield evolution
    evolution.close()


def right(stack, url="http://zapkeep:8000/webhook/main"):
    return {"url": url, "headers": {"authorization": f"Bearer {stack.token}"}, "enabled": True, "events": EVENTS,
            "webhookByEvents": False}


def alert(stack):
    done = stack.cli("status", "--json")
    return any("webhooks-drifted" in line for line in done.stdout.splitlines())


def test_a_drift_is_told_and_resolved(stack, bridge):
    """A subscription that was right and changes is one alert with the reason; a bridge that gives no answer changes nothing."""
    bridge.states, bridge.hooks = {"s1": "open", "s2": "open"}, {"s1": right(stack), "s2": right(stack)}
    stack.env["ALERT_URL"] = ""
    monitor = stack.monitor()
    zk.wait_until("both are read", lambda: {"s1", "s2"} <= set(bridge.reads), needs=monitor)
    assert not alert(stack)
    bridge.hooks["s2"] = right(stack, f"http://u:{stack.token}@old:9/webhook/main?token={stack.token}")
    zk.wait_until("the drift is an alert", lambda: "alert=webhooks-drifted" in monitor.text())
    assert "it posts to http://old:9/webhook/main" in monitor.text() and stack.token not in monitor.text()
    assert alert(stack)
    bridges = stack.cli_json("bridges")
    assert bridges[0]["subscriptions"] == "drift" and "old:9" in bridges[0]["subscription_detail"]
    bridge.fault = (503, b"<html>bad gateway</html>")
    n = len(bridge.reads)
    zk.wait_until("it was asked again", lambda: len(bridge.reads) > n + 1)
    assert alert(stack) and not bridge.sets
    bridge.fault, bridge.hooks["s2"] = None, right(stack)
    zk.wait_until("it is resolved", lambda: not alert(stack))


# The disk that holds this table is full.
REFUSES = ["CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'full' USING ERRCODE = '53100'; END $$",
           "CREATE TRIGGER refuses BEFORE INSERT ON subscription FOR EACH ROW EXECUTE FUNCTION refuse()"]
REFUSES_IN_A_FOLDER = ["CREATE TRIGGER refuses BEFORE INSERT ON subscription BEGIN SELECT RAISE(FAIL, 'full'); END"]


def test_a_bridge_that_shows_none_is_noted_when_the_store_takes_it(stack):
    """The row that says so is written again until the state has it."""
    stack.monitor()
    stack.processes["monitor"].stop()
    for statement in REFUSES if stack.store else REFUSES_IN_A_FOLDER:
        stack.sql("state", statement)
    stack.sim("contract")
    monitor = stack.monitor(WEBHOOK_CHECK_INTERVAL="1s")
    zk.wait_until("the row is refused", lambda: "state-write-failed" in monitor.text(), needs=monitor)
    stack.sql("state", "DROP TRIGGER refuses ON subscription" if stack.store else "DROP TRIGGER refuses")
    rows = zk.wait_until("it is written", lambda: stack.sql("state", "SELECT session FROM subscription"))
    assert rows == [("",)]


def test_it_is_set_again_once(stack, bridge):
    """WEBHOOK_REPAIR sets a drifted one again, once a day; the other fields are as a creation asks for."""
    bridge.states, bridge.hooks = {"s1": "open"}, {"s1": {**right(stack), "enabled": False}}
    monitor = stack.monitor(WEBHOOK_REPAIR="yes")
    zk.wait_until("it is set", lambda: "subscription-set" in monitor.text(), needs=monitor)
    assert [name for name, _ in bridge.sets] == ["s1"]
    assert bridge.sets[0][1]["url"] == "http://zapkeep:8000/webhook/main"
    assert bridge.sets[0][1]["headers"] == {"authorization": f"Bearer {stack.token}"}
    audit = zk.wait_until("it is in the audit list", lambda: [row for row in stack.cli_json("audit") if row["action"] != "store.init"])
    assert [row["action"] for row in audit] == ["bridge.repair"] and audit[0]["actor"] == "monitor"
    # Somebody sets it back: it is an alert, and not fought over.
    bridge.hooks["s1"] = right(stack, "http://other:1/x")
    zk.wait_until("the drift is an alert", lambda: alert(stack))
    n = len(bridge.reads)
    zk.wait_until("it was read again", lambda: len(bridge.reads) > n + 1)
    assert len(bridge.sets) == 1


def test_a_bridge_that_keeps_the_old_one(stack, bridge):
    bridge.states, bridge.hooks, bridge.keeps = {"s1": "open"}, {"s1": right(stack, "http://other:1/x")}, False
    monitor = stack.monitor(WEBHOOK_REPAIR="yes")
    zk.wait_until("it is logged", lambda: "shows the wrong one again" in monitor.text(), needs=monitor)
    n = len(bridge.reads)
    zk.wait_until("it was read again", lambda: len(bridge.reads) > n + 1)
    assert len(bridge.sets) == 1 and alert(stack)


def test_the_webhook_of_another_zapkeep_beside_ours_is_told(stack, bridge):
    """Two stacks on two machines: the bridge shows the webhook-ingest of both."""
    bridge.states, bridge.hooks = {"s1": "open"}, {"s1": [right(stack), right(stack, "http://n8n:5678/x")]}
    monitor = stack.monitor()
    zk.wait_until("it is read", lambda: bridge.reads, needs=monitor)
    assert "bridge-two-stacks" not in monitor.text()
    bridge.hooks["s1"] = [right(stack), right(stack, "http://10.0.0.9:8000/webhook/main")]
    zk.wait_until("it is an alert", lambda: "bridge-two-stacks" in stack.cli("status").stdout)
    assert "session s1 posts its webhooks to http://10.0.0.9:8000/webhook/main, too" in " ".join(stack.cli("status").stdout.split())
    assert "alert bridge-two-stacks" in stack.cli("bridges").stdout and not alert(stack)
    bridge.hooks["s1"] = right(stack)
    zk.wait_until("it is over", lambda: "bridge-two-stacks" not in stack.cli("status").stdout)


def test_check_by_hand(stack, bridge):
    """Each session is named with its result; --repair sets what is wrong; the exit code says whether something is left."""
    bridge.states = {"s1": "open", "s2": "close", "s3": "open"}
    bridge.hooks = {"s1": right(stack), "s2": {**right(stack), "events": ["CALL"]}}
    done = stack.cli("bridge", "check", "main")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[:2] == ["main/s1: ok", "main/s2: drift, it lacks the event MESSAGES_UPSERT"]
    assert done.stdout.splitlines()[2].startswith("main/s3: none, it has no webhook of its own")
    assert not bridge.sets
    done = stack.cli("bridge", "check", "--repair", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout
    assert [(r["session"], r["state"], r["repair"]) for r in rows] == \
        [("s1", "ok", ""), ("s2", "ok", "it was set again"), ("s3", "ok", "it was set again")]
    assert rows[0]["expected"] == "http://zapkeep:8000/webhook/main" and stack.token not in done.stdout
    bridge.fault = (500, b"")
    assert stack.cli("bridge", "check").returncode == 3
    bridge.close()
    assert stack.cli("bridge", "check").returncode == 3
    assert stack.cli("bridge", "check", "nobody").returncode == 2


def test_the_console_shows_checks_and_repairs(stack, bridge):
    """The page has the state, what differs and when it was looked at; a check and a repair are the command line's, as a child."""
    bridge.states = {"s1": "open", "s2": "open"}
    bridge.hooks = {"s1": right(stack), "s2": right(stack, "http://old:9/webhook/main")}
    stack.monitor()
    stack.wait_session("s2", "connected")
    console = Console(stack)
    assert console.login()[0] == 200

    def shown():
        return console.get("/bridges")[2]["bridges"][0]["subscription"]
    before = console.get("/overview")[2]["now"]
    status, _, answer = console.post("/bridges/main/check")
    check_answer("POST", "/bridges/{bridge}/check", status, answer)
    assert (answer["ok"], answer["sessions"], answer["wrong"]) == (False, 2, 1) and "s2: it posts to http://old:9/webhook/main" in answer["detail"]
    assert {k: v for k, v in shown().items() if k != "checked_at"} == {
        "state": "drift", "expected": "http://zapkeep:8000/webhook/main", "found": "http://old:9/webhook/main", "session": "s2",
        "detail": "it posts to http://old:9/webhook/main", "drifted": 1}
    assert shown()["checked_at"] >= before
    status, _, answer = console.post("/bridges/main/repair")
    check_answer("POST", "/bridges/{bridge}/repair", status, answer)
    assert answer == {"ok": True, "detail": "", "sessions": 2, "wrong": 0, "repaired": 1}
    assert shown()["state"] == "ok" and [name for name, _ in bridge.sets] == ["s2"]
    audit = [r for r in console.get("/audit")[2]["rows"] if r["action"] == "bridge.repair"]
    assert [(r["actor"][:9], r["ok"], r["detail"]) for r in audit] == [("operator@", True, "1 of 2 sessions were set again")]
    assert console.post("/bridges/nobody/check")[2]["ok"] is False
    assert console.post("/bridges/--help/repair")[2] and len(bridge.sets) == 1


def test_a_bridge_is_checked_once_at_a_time(stack, bridge):
    """Each check is a program of its own: the second is refused while the first runs."""
    bridge.states, bridge.hooks = {"s1": "open"}, {"s1": right(stack)}
    stack.env["WEBHOOK_CHECK_INTERVAL"] = "1h"
    stack.monitor()
    stack.wait_session("s1", "connected")
    console, answers = Console(stack), []
    assert console.login()[0] == 200
    zk.wait_until("the monitor has checked it", lambda: bridge.reads)
    bridge.held.clear()
    reads = len(bridge.reads)
    first = threading.Thread(target=lambda: answers.append(console.post("/bridges/main/check")))
    first.start()
    zk.wait_until("it is under way", lambda: len(bridge.reads) > reads)
    status, _, answer = console.post("/bridges/main/repair")
    check_answer("POST", "/bridges/{bridge}/repair", status, answer)
    assert status == 429 and answer["error"] == "busy" and "is being checked now" in answer["detail"]
    bridge.held.set()
    first.join(30)
    assert answers[0][0] == 200 and answers[0][2]["ok"] and console.post("/bridges/main/check")[0] == 200
