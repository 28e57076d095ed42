"""zapkeep doctor: each broken link is found, and told apart from the others."""

import http.server
import json
import os
import sqlite3
import threading

import pytest

import secrets_watch
import zk

SECRET = secrets_watch.mark("the bridge's secret", "hook-secret-of-doctor-0123")


def findings(stack, *args, code=None, **env):
    done = stack.cli("doctor", "--json", *args, **env)
    assert done.returncode in (0, 1), done.stderr
    rows = {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == (1 if any(r["level"] == "bad" for r in rows.values()) else 0)
    assert code is None or done.returncode == code, done.stdout
    for row in rows.values():
        assert row["level"] != "bad" or row["advice"] or row["check"] == "token", row
    return rows


@pytest.mark.parametrize("dialect", ["zapw", "contract"])
def test_a_whole_stack_is_well(stack, dialect):
    stack.all(dialect, "--sessions", "3", "--rate", "5/s")
    zk.wait_until("a webhook is stored", lambda: stack.events("--type", "message."))
    rows = findings(stack, code=0)
    for check in ("bridge", "key", "dialect", "folder", "disk", "state", "arrival", "ingest", "token", "hub", "probe",
                  "monitor", "workers"):
        assert rows[check]["level"] == "ok", rows[check]
    assert rows["dialect"]["message"].startswith(dialect) and "3 of 3 sessions" in rows["dialect"]["message"]
    assert "states by one list" in rows["capabilities"]["message"]
    assert rows["reconnect"]["level"] == ("warn" if dialect == "zapw" else "ok")
    assert "was announced" in rows["probe"]["message"]
    [probe] = [e for e in stack.events("--type", "event.other") if e["body"]["eventType"] == "zapkeep.probe"]
    assert probe["session"] in ("", None)
    text = stack.cli("doctor", "--no-probe", check=True).stdout
    assert "ok    bridge" in text


def test_nothing_runs(stack):
    rows = findings(stack, code=1)
    for check in ("bridge", "ingest", "hub"):
        assert rows[check]["level"] == "bad", rows[check]
    assert rows["state"]["level"] == ("ok" if stack.store else "bad"), "a database has its tables before anything runs"
    for check in ("key", "dialect", "token", "probe"):
        assert rows[check]["level"] == "skip", rows[check]


def test_a_bridge_that_signs(stack):
    """WEBHOOK_SECRET without a token: the probe is signed as the bridge signs; version, age, limits and webhooks are named."""
    stack.env.update({"WEBHOOK_AUTH_TOKEN": "", "WEBHOOK_SECRET": SECRET, "WHATSAPP_BRIDGE": "waha"})
    stack.hub()
    stack.ingest()
    stack.sim("waha", "--sessions", "1", "--pace", "1", WEBHOOK_AUTH_TOKEN="")
    rows = findings(stack)
    assert rows["token"]["level"] == "ok" and "signed" in rows["token"]["message"], rows["token"]
    assert rows["probe"]["level"] == "ok", rows["probe"]
    assert rows["version"]["message"].startswith("waha 2025.10.1, ") and "405" in rows["version"]["advice"]
    assert "does not say why a session dropped" in rows["capabilities"]["message"]
    assert "zapkeep bridge check" in rows["webhooks"]["message"]
    rows = findings(stack, WEBHOOK_SECRET=SECRET + "-other")
    assert rows["token"]["level"] == "bad" and "WEBHOOK_SECRET" in rows["token"]["advice"]


def test_a_bridge_of_several_schemes_is_probed_by_one_that_signs_the_body(stack):
    """The contract's first scheme signs ids and times, too, which a probe has not."""
    stack.env.update({"WEBHOOK_AUTH_TOKEN": "", "WEBHOOK_SECRET": SECRET, "WHATSAPP_BRIDGE": "contract"})
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--sessions", "1", WEBHOOK_AUTH_TOKEN="")
    rows = findings(stack)
    assert rows["token"]["level"] == "ok" and rows["probe"]["level"] == "ok", (rows["token"], rows["probe"])


def test_keys_and_tokens(stack):
    stack.hub()
    stack.ingest()
    stack.sim("contract")
    assert findings(stack, WHATSAPP_API_KEY="wrong")["key"]["level"] == "bad"
    assert "none is set" in findings(stack, WHATSAPP_API_KEY="")["key"]["message"]
    rows = findings(stack, WEBHOOK_AUTH_TOKEN="wrong")
    assert rows["token"]["level"] == "bad" and rows["probe"]["level"] == "skip"
    rows = findings(stack, WEBHOOK_AUTH_TOKEN=f"{stack.token},next")
    assert rows["token"]["level"] == "ok" and rows["probe"]["level"] == "ok"


def test_an_open_ingest_is_told(stack):
    stack.ingest(WEBHOOK_AUTH_TOKEN="")
    assert findings(stack, WEBHOOK_AUTH_TOKEN="")["token"]["level"] == "warn"


def test_a_source_of_webhooks_has_nothing_to_ask(make_stack):
    """The Cloud API: the monitor is well without a call, and doctor misses nothing."""
    stack = make_stack(WHATSAPP_BRIDGE="cloud", CHECK_INTERVAL="500ms")
    for program in (stack.hub, stack.ingest, stack.monitor, stack.worker):
        program()
    zk.wait_until("the monitor says that all is well", lambda: "is up" in stack.cli("status").stdout)
    rows = findings(stack, "--no-probe")
    assert {rows[check]["level"] for check in ("bridge", "key", "dialect", "reconnect")} == {"skip"}
    assert "without a recording" in rows["capabilities"]["message"]
    assert [check for check, row in rows.items() if row["level"] == "bad"] == []


def test_the_wrong_dialect_is_told(stack):
    stack.sim("zapw")
    row = findings(stack, WHATSAPP_BRIDGE="contract")["dialect"]
    assert row["level"] == "bad" and "answers like zapw" in row["message"]


def test_no_webhook_ever_arrived(stack):
    stack.hub()
    stack.ingest()
    stack.sim("zapw", "--webhook-url", "http://127.0.0.1:1/", "--sessions", "2")
    row = findings(stack)["arrival"]
    assert row["level"] == "bad" and "ENABLE_WEBHOOK" in row["advice"]
    assert findings(stack)["arrival"]["level"] == "bad"  # doctor's own probe is no webhook of the bridge


class Extended(http.server.BaseHTTPRequestHandler):
    """As much of a bridge with the extension as doctor asks for; its webhooks go to server.hook."""

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/extension":
            self.answer(200, {"extension": "zapkeep", "version": 1, "features": {"probe": True, "offline": self.server.whole}})
        elif self.path in ("/health", "/sessions"):
            self.answer(200, {"status": "success", "data": []})
        else:
            self.answer(404, {"status": "error", "error": "Session zapkeep-probe not found"})

    def do_POST(self):
        event = {"sessionId": "zapkeep-probe", "eventType": "zapkeep.probe", "data": {"nonce": "n1"}}
        zk.http("POST", self.server.hook, json.dumps(event), {"Content-Type": "application/json"})
        self.answer(202, {"nonce": "n1"})

    def log_message(self, *args):
        pass


@pytest.fixture
def extended():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Extended)
    server.whole, server.hook = True, "http://127.0.0.1:1/"
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_bridge_with_the_extension_sends_a_probe(stack, extended):
    stack.hub()
    stack.ingest()
    hook = f"http://127.0.0.1:{stack.ports['ingest']}/api/v1/messages/webhook?token="
    extended.hook = hook + stack.token
    rows = findings(stack, WHATSAPP_API_URL=extended.url)
    assert rows["extension"]["level"] == "ok" and "arrived" in rows["arrival"]["message"]
    extended.hook, extended.whole = hook + "wrong", False
    rows = findings(stack, WHATSAPP_API_URL=extended.url)
    assert rows["arrival"]["level"] == "bad" and "did not arrive" in rows["arrival"]["message"]
    assert rows["extension"]["level"] == "warn" and "off: offline" in rows["extension"]["message"]


def test_another_store_is_told(stack):
    stack.hub()
    stack.ingest()
    stack.sim("zapw")
    other = zk.Stack()
    try:
        other.ingest()
        setting = "ZAPKEEP_STORE" if stack.store else "ZAPKEEP_DATA_DIR"
        row = findings(stack, **{setting: other.env[setting]})["probe"]
    finally:
        other.kill_all()
    assert row["level"] == "bad" and setting in row["advice"]


@pytest.mark.files
def test_state_db_in_wal_mode_is_told(stack):
    path = os.path.join(stack.data, "state.db")
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE x (y)")
    db.commit()
    db.close()
    row = findings(stack)["sqlite"]
    assert row["level"] in ("bad", "warn") and "WAL" in row["message"]


def test_the_probe_is_left_out_on_request(stack):
    stack.ingest()
    assert findings(stack, "--no-probe")["probe"]["level"] == "skip"
    assert stack.events() == []


def test_hooks_are_seen(stack):
    stack.sim("zapw")
    row = findings(stack, RECONNECT_HOOK="docker:zapw")["reconnect"]
    assert row["level"] == "ok" and "docker:zapw" in row["message"]


def test_refused_webhooks_are_told(stack):
    stack.all("contract", "--sessions", "1")
    for _ in range(8):
        assert stack.post(zk.webhook(), headers={"Authorization": "Bearer wrong"})[0] == 401
    taken = len(stack.events())
    for _ in range(taken):
        stack.post(zk.webhook(), headers={"Authorization": "Bearer wrong"})
    row = findings(stack)["arrival"]
    assert row["level"] == "bad" and "refused" in row["message"] and "WEBHOOK_AUTH_TOKEN" in row["advice"]


def test_webhooks_for_a_bridge_that_nobody_watches_are_told(stack):
    stack.all("contract", "--sessions", "1")
    assert stack.post(zk.webhook(message_id="lost"), path="/webhook/sales")[0] == 200
    row = findings(stack)["arrival"]
    assert row["level"] == "warn" and '"sales"' in row["message"] and "WEBHOOK_URL" in row["advice"]
