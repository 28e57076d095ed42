"""WAHA and Evolution API as bridges of a whole stack: stand-ins that answer as the recordings do (tests/fixtures).

Each row of the matrix: an event at the bridge, the state that zapkeep shows, and the calls that it made for it.
"""

import crypt
import http.server
import json
import threading
import time
import urllib.parse
import zlib

import pytest

import zk

pytestmark = pytest.mark.any_store


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body, **headers):
        data = body.encode() if isinstance(body, str) else json.dumps(body, separators=(",", ":")).encode()
        if status == 0:  # it hangs
            time.sleep(20)
        self.send_response(status or 200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urllib.parse.urlparse(self.path).path
        self.server.fake.serve(self, self.command, path)

    do_GET = do_POST = do_DELETE = handle_any

    def log_message(self, *args):
        pass


def phone_of(session):
    """Each session has a phone of its own."""
    return f"55{zlib.crc32(session.encode()):011d}@c.us"


class Fake:
    """Sessions by name with the bridge's own word for their state; every call that changes something is in calls."""

    def __init__(self, key):
        self.key, self.sessions, self.calls, self.fault = key, {}, [], None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.fake = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def reconnects(self, session):
        return [call for call in self.calls if session in call.split("/")]


class Waha(Fake):
    name, up, down, qr = "waha", "WORKING", "FAILED", "SCAN_QR_CODE"

    def serve(self, h, method, path):
        if h.headers.get("X-Api-Key") != self.key:
            return h.answer(401, {"message": "Unauthorized", "statusCode": 401})
        if self.fault:
            return h.answer(*self.fault)
        parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/")]
        if path == "/api/server/version":
            return h.answer(200, {"version": "2025.10.1", "engine": "NOWEB", "tier": "CORE", "browser": None})
        if path == "/api/sessions" and method == "GET":
            return h.answer(200, [{"name": "default", "status": "STOPPED", "me": None}] + [self.shown(s) for s in self.sessions])
        if parts[:2] == ["api", "sessions"] and len(parts) >= 3:
            if parts[2] not in self.sessions:
                return h.answer(404, {"message": "Session not found", "error": "Not Found", "statusCode": 404})
            if method == "POST" and parts[3:] == ["restart"]:
                self.calls.append(path)
                self.sessions[parts[2]] = self.restarted(parts[2])
                return h.answer(201, {**self.shown(parts[2]), "status": "STARTING"})
            if method == "GET":
                return h.answer(200, self.shown(parts[2]))
        if parts[2:] == ["auth", "request-code"] and method == "POST":
            if self.sessions[parts[1]] != self.qr:
                return h.answer(422, {"message": "Session status is not as expected", "status": self.sessions[parts[1]]})
            self.calls.append((path, h.body))
            return h.answer(201, {"code": f"ABCD-{len(self.calls):04d}"})
        return h.answer(404, {"message": f"Cannot {method} {path}", "error": "Not Found", "statusCode": 404})

    def restarted(self, session):
        return self.qr if session.startswith("out") else self.up

    def shown(self, session):
        return {"name": session, "status": self.sessions[session], "config": {}, "me": {"id": phone_of(session), "pushName": "Loja"}}

    def tell(self, stack, session, word):
        self.sessions[session] = word
        body = {"id": f"evt_{time.time_ns():026d}", "timestamp": int(time.time() * 1000), "event": "session.status", "session": session,
                "me": None, "payload": {"name": session, "status": word}, "engine": "NOWEB", "environment": {}}
        assert stack.post(json.dumps(body))[0] == 200


class Evolution(Fake):
    name, up, down, qr = "evolution", "open", "close", "connecting"

    def serve(self, h, method, path):
        parts = path.strip("/").split("/")
        if parts[0] == "instance" and len(parts) == 3 and parts[2] not in self.sessions:
            return h.answer(404, {"status": 404, "error": "Not Found", "response": {"message": [f'The "{parts[2]}" instance does not exist']}})
        if parts[0] == "instance" and h.headers.get("apikey") != self.key:
            return h.answer(401, {"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}})
        if self.fault:
            return h.answer(*self.fault)
        if path == "/instance/fetchInstances":  # it lies: open, whatever is true
            return h.answer(200, [{"name": s, "connectionStatus": "open"} for s in self.sessions])
        if parts[:2] == ["instance", "connectionState"]:
            return h.answer(200, {"instance": {"instanceName": parts[2], "state": self.sessions[parts[2]]}})
        if parts[:2] == ["instance", "restart"]:
            self.calls.append(path)
            if self.sessions[parts[2]] == "close":
                return h.answer(200, {"error": True, "message": "[object Object]"})
            return h.answer(200, {"instance": {"instanceName": parts[2], "state": "open"}})
        if parts[:2] == ["instance", "connect"]:
            self.calls.append(path)
            self.sessions[parts[2]] = "open"
            return h.answer(200, {"count": 0})
        return h.answer(404, {"status": 404, "error": "Not Found", "response": {"message": [f"Cannot {method} {path}"]}})

    def tell(self, stack, session, word, code=200):
        self.sessions[session] = word
        body = {"event": "connection.update", "instance": session, "data": {"instance": session, "state": word, "statusReason": code},
                "destination": "", "date_time": time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.time_ns() // 1000000 % 1000:03d}Z",
                "server_url": "http://e", "apikey": None}
        assert stack.post(json.dumps(body))[0] == 200


class Openwa(Fake):
    """Ids are UUIDs; a session that is started already has to be stopped first."""

    name, up, down, qr = "openwa", "ready", "failed", "qr_ready"

    def serve(self, h, method, path):
        if path == "/api/health":
            return h.answer(200, {"status": "ok", "timestamp": "2026-11-26T12:18:00.469Z"})
        if path == "/api/health/ready":
            return h.answer(200, {"status": "ok", "details": {"mainDatabase": {"status": "up"}, "dataDatabase": {"status": "up"}}})
        if h.headers.get("X-API-Key") != self.key:
            return h.answer(401, {"message": "Invalid API key", "error": "Unauthorized", "statusCode": 401})
        parts = path.strip("/").split("/")
        if path == "/api/sessions":
            return h.answer(200, [self.shown(s) for s in self.sessions])
        if parts[:2] == ["api", "sessions"] and len(parts) in (3, 4) and parts[2] in self.sessions:
            if method == "GET":
                return h.answer(200, self.shown(parts[2]))
            self.calls.append(path)
            if parts[3] == "start" and self.sessions[parts[2]] == "disconnected" and parts[2] not in self.stopped:
                return h.answer(400, {"message": "Session is already started", "error": "Bad Request", "statusCode": 400})
            if parts[3] == "stop":
                self.stopped.add(parts[2])
            else:
                self.sessions[parts[2]] = self.up
            return h.answer(200, self.shown(parts[2]))
        return h.answer(404, {"message": f"Cannot {method} {path}", "error": "Not Found", "statusCode": 404})

    def __init__(self, key):
        self.stopped = set()
        super().__init__(key)

    def shown(self, session):
        return {"id": session, "name": "shop " + session[:4], "status": self.sessions[session], "phone": None, "lastError": None, "engineLoaded": True}


class Wppconnect(Fake):
    """A dead client says CONNECTED, and start-session does nothing until it is closed."""

    name, up, down = "wppconnect", "CONNECTED", "CLOSED"

    def __init__(self, key):
        self.dead = set()
        super().__init__(key)

    def serve(self, h, method, path):
        parts = path.strip("/").split("/")
        if path == "/healthz":
            return h.answer(200, {"uptime": 15.9, "message": "OK", "timestamp": 1795695077862})
        if len(parts) == 3 and parts[2] == "show-all-sessions":
            return h.answer(200, {"response": list(self.sessions)}) if parts[1] == self.key else h.answer(400, {"response": False, "message": "The token is incorrect"})
        if len(parts) != 3 or parts[0] != "api":
            return h.answer(404, f"<pre>Cannot {method} {path}</pre>")
        token = h.headers.get("Authorization", "").removeprefix("Bearer ").replace("_", "/")
        if crypt.crypt(parts[1] + self.key, token or "x") != token:
            return h.answer(401, {"error": "Check that the Session and Token are correct"})
        if parts[2] == "status-session":
            return h.answer(200, {"status": self.sessions.get(parts[1], "CLOSED"), "qrcode": None})
        if parts[2] == "get-phone-number":
            dead = parts[1] in self.dead or self.sessions.get(parts[1]) != self.up
            return h.answer(404, {"response": None, "status": "Disconnected", "message": "-"}) if dead else \
                h.answer(200, {"status": "success", "response": phone_of(parts[1]), "mapper": "device"})
        self.calls.append(path)
        before = self.sessions[parts[1]]
        if parts[2] == "close-session":
            self.sessions[parts[1]] = "CLOSED"
            return h.answer(500, {"status": False, "message": "Error closing session", "error": {}})
        if before == "CLOSED":
            self.dead.discard(parts[1])
            self.sessions[parts[1]] = self.up
        return h.answer(200, {"status": before, "qrcode": None, "session": ""})

    def tell(self, stack, session, word):
        assert stack.post(json.dumps({"event": "status-find", "session": session, "status": word}))[0] == 200


@pytest.fixture(params=[Waha, Evolution], ids=["waha", "evolution"])
def bridge(request, make_stack):
    fake = request.param(zk.KEY)
    fake.sessions.update({"shop1": fake.up, "shop2": fake.up})
    stack = make_stack(WHATSAPP_API_URL=fake.url, RECONNECT_INTERVAL="2s")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    fake.stack = stack
    zk.wait_until("the driver is found", lambda: f'"driver":"{fake.name}"' in stack.cli("status", "--json").stdout.replace(" ", ""))
    for session in ("shop1", "shop2"):
        fake.tell(stack, session, fake.up)
        stack.wait_session(session, "connected")
    yield fake
    fake.close()


def test_the_other_bridge_is_found_and_its_sessions_are_followed(bridge):
    doctor = bridge.stack.cli("doctor", "--no-probe").stdout
    assert f"{bridge.name}, by its answers" in doctor
    assert bridge.stack.session("default") is None
    assert bridge.calls == []


def test_a_silent_drop_is_found_and_brought_back(bridge):
    bridge.sessions["shop1"] = bridge.down  # no webhook; Evolution's list goes on saying open
    zk.wait_until("it was called", lambda: bridge.sessions["shop1"] == bridge.up)
    bridge.stack.wait_session("shop1", "connected")
    first = "/instance/restart/shop1" if bridge.name == "evolution" else "/api/sessions/shop1/restart"
    assert bridge.reconnects("shop1")[0] == first
    if bridge.name == "evolution":  # closed: refused, and then the second step
        assert bridge.reconnects("shop1")[:2] == [first, "/instance/connect/shop1"]
    assert bridge.reconnects("shop2") == []


def test_a_drop_that_is_told_is_brought_back(bridge):
    bridge.tell(bridge.stack, "shop2", bridge.down)
    zk.wait_until("it was called", lambda: bridge.sessions["shop2"] == bridge.up)
    bridge.stack.wait_session("shop2", "connected")


LICENCE = {"error": "service not activated", "code": "LICENSE_REQUIRED", "message": "This instance is not activated."}


@pytest.mark.parametrize("fault", [(503, {"message": "down"}), (200, "<html><title>We are back soon</title></html>"), (0, {}), (503, LICENCE)],
                         ids=["5xx", "garbage", "hang", "licence"])
def test_a_fault_of_the_whole_bridge_is_no_session_s(bridge, fault):
    """A session that drops meanwhile is left alone until the bridge is well again."""
    bridge.fault = fault
    bridge.sessions["shop1"] = bridge.down
    zk.wait_until("the bridge is down", lambda: bridge.stack.cli_json("status")[0]["health"] != "up", patience=90)
    assert bridge.calls == []
    assert bridge.stack.session("shop2")["state"] == "connected"
    bridge.fault = None
    zk.wait_until("it is back", lambda: bridge.stack.cli_json("status")[0]["health"] == "up")
    bridge.stack.wait_session("shop1", "connected")


def test_a_session_that_the_bridge_has_lost_is_lost(bridge):
    del bridge.sessions["shop1"]
    bridge.stack.wait_session("shop1", "lost", patience=60)
    assert bridge.reconnects("shop1") == []


def test_a_key_that_is_refused_is_said(bridge):
    bridge.key = "another"
    zk.wait_until("the key is refused", lambda: "key" in bridge.stack.cli("status").stdout, patience=60)
    assert bridge.calls == []


def test_evolution_s_logout_is_followed_and_left_alone(make_stack):
    fake = Evolution(zk.KEY)
    fake.sessions["shop1"] = "open"
    stack = make_stack(WHATSAPP_API_URL=fake.url, WHATSAPP_BRIDGE="evolution")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    fake.tell(stack, "shop1", "open")
    stack.wait_session("shop1", "connected")
    fake.tell(stack, "shop1", "close", 401)
    stack.wait_session("shop1", "logged_out")
    time.sleep(3)
    assert fake.calls == []
    fake.close()


def test_waha_s_lost_pairing_ends_at_a_code_and_is_then_left_alone(make_stack):
    fake = Waha(zk.KEY)
    fake.sessions["out1"] = "WORKING"
    stack = make_stack(WHATSAPP_API_URL=fake.url, WHATSAPP_BRIDGE="waha", RECONNECT_INTERVAL="2s")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    stack.wait_session("out1", "connected")
    fake.sessions["out1"] = "FAILED"
    stack.wait_session("out1", "qr_pending", patience=60)
    calls = len(fake.calls)
    time.sleep(5)
    assert calls == 1 and len(fake.calls) == 1
    fake.close()


def test_a_code_for_the_phone_number_pairs_a_session(make_stack):
    fake = Waha(zk.KEY)
    fake.sessions["shop1"] = "STARTING"  # refuses until its socket is up
    stack = make_stack(WHATSAPP_API_URL=fake.url, WHATSAPP_BRIDGE="waha")
    bad = stack.cli("session", "pair", "shop1", "--phone", "call me")
    assert bad.returncode == 2 and "country code" in bad.stderr
    pairing = stack.start("pair", "zapkeep", "session", "pair", "shop1", "--phone", "+55 (11) 98888-7777", "--wait", "--json")
    fake.sessions["shop1"] = "SCAN_QR_CODE"
    zk.wait_until("the code is shown", lambda: "ABCD-0001" in pairing.text(), needs=pairing)
    assert fake.calls == [("/api/shop1/auth/request-code", b'{"phoneNumber":"5511988887777"}')]
    fake.sessions["shop1"] = "WORKING"
    zk.wait_until("it ends", lambda: pairing.popen.poll() == 0)
    rows = [json.loads(line) for line in pairing.text().splitlines() if line.startswith("{")]
    assert [(r["state"], r["pairing_code"]) for r in rows] == [("qr_pending", "ABCD-0001"), ("connected", "ABCD-0001")]
    assert all(r["qr"] is None for r in rows)
    fake.close()


def test_a_bridge_without_such_codes_says_so(stack):
    stack.sim("zapw", "--sessions", "1")
    no = stack.cli("session", "pair", "demo-1", "--phone", "5511988887777")
    assert no.returncode == 1 and "scan its QR code" in no.stderr


def follow(make_stack, fake, **settings):
    stack = make_stack(WHATSAPP_API_URL=fake.url, RECONNECT_INTERVAL="2s", CHECK_INTERVAL="2s", **settings)
    for program in (stack.hub, stack.ingest, stack.monitor, stack.worker):
        program()
    return stack


@pytest.mark.parametrize("kind,down", [(Evolution, "close"), (Wppconnect, "CLOSED")], ids=["evolution", "wppconnect"])
def test_a_session_that_nobody_told_of_is_in_the_list_of_names(make_stack, kind, down):
    """The list has no states, or wrong ones: each session is asked for before it is believed."""
    fake = kind(zk.KEY)
    fake.sessions.update({"shop1": fake.up, "shop2": down})
    stack = follow(make_stack, fake)
    stack.wait_session("shop1", "connected")
    zk.wait_until("shop2 was called", lambda: fake.sessions["shop2"] == fake.up)
    stack.wait_session("shop2", "connected")
    assert fake.reconnects("shop1") == []
    fake.close()


def test_openwa_is_found_and_a_started_session_is_stopped_and_started(make_stack):
    fake, shop = Openwa(zk.KEY), "2a580d6b-f6cf-404b-b95a-c7a860cd8f58"
    fake.sessions[shop] = "ready"
    stack = follow(make_stack, fake)
    stack.wait_session(shop, "connected")
    fake.sessions[shop] = "disconnected"
    zk.wait_until("it is back", lambda: fake.sessions[shop] == "ready")
    stack.wait_session(shop, "connected")
    assert [call.rsplit("/", 1)[1] for call in fake.calls] == ["start", "stop", "start"]
    fake.close()


def test_wppconnect_s_dead_client_is_found_and_closed_and_started(make_stack):
    fake = Wppconnect(zk.KEY)
    fake.sessions["shop1"] = "CONNECTED"
    stack = follow(make_stack, fake)
    zk.wait_until("the driver is found", lambda: '"driver":"wppconnect"' in stack.cli("status", "--json").stdout.replace(" ", ""))
    fake.tell(stack, "shop1", "inChat")
    stack.wait_session("shop1", "connected")
    fake.dead.add("shop1")  # its status goes on saying CONNECTED
    zk.wait_until("it is back", lambda: not fake.dead)
    stack.wait_session("shop1", "connected")
    assert [call.rsplit("/", 1)[1] for call in fake.calls] == ["start-session", "close-session", "start-session"]
    fake.close()


ODD = ["loja/1 ?#%", "S\u00e3o Paulo", "x" * 128, "x" * 127 + "y", "5511@s.whatsapp.net"]


def test_the_echo_of_a_restart_is_no_drop(make_stack):
    """WAHA sends STOPPED, STOPPED and STARTING for our own call; the session is called once and comes back."""
    fake = Waha(zk.KEY)
    fake.sessions["shop1"] = "WORKING"
    stack = make_stack(WHATSAPP_API_URL=fake.url, WHATSAPP_BRIDGE="waha", RECONNECT_INTERVAL="2s")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    stack.wait_session("shop1", "connected")

    def echo(session):
        def later():
            for word, pause in (("STOPPED", 0.1), ("STOPPED", 0.2), ("STARTING", 0.7), ("WORKING", 0)):
                fake.tell(stack, session, word)
                time.sleep(pause)
        threading.Thread(target=later, daemon=True).start()
        return "STOPPED"

    fake.restarted = echo
    fake.sessions["shop1"] = "FAILED"
    zk.wait_until("it was called", lambda: fake.calls)
    time.sleep(4)
    assert fake.calls == ["/api/sessions/shop1/restart"] and fake.sessions["shop1"] == "WORKING"
    stack.wait_session("shop1", "connected")
    fake.close()


def test_odd_ids_are_kept_followed_and_called_by_their_names(make_stack):
    """Never cut, never merged: two ids of 128 bytes differ in the last one only."""
    fake = Waha(zk.KEY)
    fake.sessions.update({session: "WORKING" for session in ODD})
    fake.sessions["bad\nname"] = "WORKING"
    stack = make_stack(WHATSAPP_API_URL=fake.url, WHATSAPP_BRIDGE="waha", RECONNECT_RATE="100", RECONNECT_BURST="100")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    tap = stack.tap("session.state/")
    for session in ODD:
        stack.wait_session(session, "connected")
    assert {row["session"] for row in stack.cli_json("sessions")} == set(ODD)
    fake.sessions["loja/1 ?#%"] = "FAILED"
    zk.wait_until("it was called", lambda: fake.calls)
    assert fake.calls == ["/api/sessions/loja%2F1%20%3F%23%25/restart"]
    stack.wait_session("loja/1 ?#%", "connected")
    show = stack.cli_json("session", "show", "S\u00e3o Paulo")[0]
    assert show["session"] == "S\u00e3o Paulo"
    fake.tell(stack, "x" * 127 + "y", "STOPPED")
    stack.wait_session("x" * 127 + "y", "disconnected")
    assert stack.session("x" * 128)["state"] == "connected"
    zk.wait_until("the tap has it by its name", lambda: any(m.get("session") == "x" * 127 + "y" for m in tap.json()))
    fake.close()
