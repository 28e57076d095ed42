"""The console's API over real sockets: held against its OpenAPI file, against forged requests, and against readers that stall."""

import contextlib
import json
import os
import re
import socket
import time
import urllib.parse

import pytest
import secrets_watch
import zk
from forwarding import Backend

PASSWORD = secrets_watch.mark("the console's password", "console-password-5f1c")
VIEWER = secrets_watch.mark("the viewers' password", "viewer-password-77ab")
with open(os.path.join(zk.ROOT, "services", "console", "openapi.json")) as f:
    API = json.load(f)


class Console:
    """A console of a stack, and a browser that is logged in."""

    def __init__(self, stack, name="console", base="", **env):
        self.port = zk.free_port()
        zk.Stack.our_ports.add(self.port)
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = self.origin + base
        self.cookie = self.csrf = None
        self.process = stack.start(name, "zapkeep-console", "--admin-listen", "off", **{
            "ZAPKEEP_CONSOLE_LISTEN": f"127.0.0.1:{self.port}", "ZAPKEEP_CONSOLE_PASSWORD": PASSWORD,
            "ZAPKEEP_CONSOLE_VIEWER_PASSWORD": VIEWER, **env})
        zk.wait_until("the console answers", lambda: self.get("/me")[0] == 401, needs=self.process)

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, JSON)"""
        all_headers = {"Content-Type": "application/json", "Origin": self.origin}
        if self.cookie:
            all_headers["Cookie"] = f"a=b; zapkeep_session={self.cookie}"
        if self.csrf and method != "GET":
            all_headers["X-CSRF-Token"] = self.csrf
        all_headers.update(headers or {})
        all_headers = {k: v for k, v in all_headers.items() if v is not None}
        status, answer, text = zk.http(method, f"{self.url}/api/v1{path}", json.dumps(body) if body is not None else None,
                                       all_headers)
        return status, answer, json.loads(text) if text and text[:1] in b"{[" else text

    def get(self, path, **kwargs):
        return self.ask("GET", path, **kwargs)

    def post(self, path, body=None, **kwargs):
        return self.ask("POST", path, body if body is not None else {}, **kwargs)

    def login(self, password=PASSWORD, **fields):
        """A password is tried once in 100 ms: one that comes too soon is sent again."""
        self.cookie = self.csrf = None
        status, headers, me = zk.wait_until("the login is tried", lambda: (
            answer := self.post("/login", fields or {"password": password}))[1].get("Retry-After") != "1" and answer, step=0.1)
        if status == 200:
            self.cookie = re.search(r"zapkeep_session=([0-9a-f]{64})", headers["Set-Cookie"])[1]
            self.csrf = me["csrf"]
        return status, headers, me

    def stream(self, query="", last=None):
        return Stream(self, query, last)


class Stream:
    """An open stream; read() waits for a message."""

    def __init__(self, console, query="", last=None, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", console.port))
        self.socket.settimeout(0.2)
        again = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        self.socket.sendall(f"GET /api/v1/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\n{again}"
                            f"Cookie: zapkeep_session={console.cookie}\r\n\r\n".encode())
        self.data = b""

    def more(self):
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return True
        self.data += data
        secrets_watch.note("the console's stream", self.data[-len(data) - 200:])  # a secret may come in two pieces
        return bool(data)

    def messages(self):
        """[(event, id, data)]"""
        found = []
        for block in self.data.partition(b"\r\n\r\n")[2].decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
        return found

    def wait(self, what, condition):
        def look():
            self.more()
            return next((m for m in self.messages() if condition(*m)), None)
        return zk.wait_until(what, look, step=0)


# ---- one stack for all tests of the file ---------------------------------------------------------------------------


@contextlib.contextmanager
def a_world(server=None):
    stack = zk.Stack()
    backend = Backend()
    try:
        if server:
            stack.env["ZAPKEEP_STORE"] = server.create("console")
            stack.cli("store", "init", check=True)
        stack.env["BACKEND_URL"] = backend.url
        stack.all("contract", "--sessions", "3")
        stack.forward()
        console = Console(stack)
        assert console.login()[0] == 200
        for i in range(3):
            stack.post(zk.webhook("demo-1", message_id=f"M{i}", body=f"hello number {i}"))
        yield stack, console
    finally:
        stack.kill_all()
        backend.close()
    stack.check_sanitizers()


@pytest.fixture(scope="module")
def world():
    with a_world() as w:
        yield w


def fits(schema, value, where="$"):
    """Raises when a value is not as the schema says; the part of JSON Schema that the file uses."""
    if "$ref" in schema:
        return fits(API["components"]["schemas"][schema["$ref"].rpartition("/")[2]], value, where)
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            try:
                return fits(one, value, where)
            except AssertionError:
                pass
        raise AssertionError(f"{where}: {value!r} fits none")
    kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": list, "object": dict,
             "null": type(None)}
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), f"{where}: {value!r} is no {schema['type']}"
        assert schema["type"] == "boolean" or not isinstance(value, bool), f"{where}: {value!r}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value), f"{where}: lacks {set(schema['required']) - set(value)}"
        for key, one in value.items():
            assert key in schema["properties"] or schema.get("additionalProperties", True), f"{where}: unknown {key}"
            fits(schema["properties"].get(key, {}), one, f"{where}.{key}")
    if isinstance(value, list):
        for i, one in enumerate(value):
            fits(schema.get("items", {}), one, f"{where}[{i}]")


def check_answer(method, pattern, status, answer):
    operation = API["paths"][pattern][method.lower()]
    assert str(status) in operation["responses"], f"{method} {pattern}: {status} {answer}"
    said = operation["responses"][str(status)]
    if "$ref" in said:
        said = API["components"]["responses"][said["$ref"].rpartition("/")[2]]
    if "content" in said:
        fits(said["content"]["application/json"]["schema"], answer, f"{method} {pattern} {status}")


def test_answers_are_as_the_openapi_file_says(world):
    stack, console = world
    zk.wait_until("the log has the webhooks", lambda: console.get("/events")[2]["head_seq"] >= 3)
    seq = console.get("/events?type=message.&limit=1")[2]["rows"][0]["seq"]
    values = {"{bridge}": "main", "{session}": "demo-1", "{seq}": str(seq), "{id}": "1"}
    for pattern, methods in API["paths"].items():
        path = pattern
        for name, value in values.items():
            path = path.replace(name, value)
        if "get" in methods and pattern != "/stream":
            status, _, answer = console.get(path)
            assert status in (200, 404), (path, answer)
            check_answer("GET", pattern, status, answer)
    changes = [
        ("/sessions/actions", {"action": "park", "sessions": [{"bridge": "main", "session": "demo-3"}], "reason": "a test"}, 200),
        ("/sessions/actions", {"action": "unpark", "filter": {"state": "parked"}, "expect": 1}, 200),
        ("/sessions/actions", {"action": "reconnect", "sessions": [{"bridge": "main", "session": "demo-1"}]}, 200),
        ("/sessions/actions", {"action": "sing", "sessions": []}, 400),
        ("/sessions/actions", {"action": "park", "filter": {"state": "asleep"}}, 400),
        ("/sessions/actions", {"action": "park", "filter": {}, "expect": 1}, 409),
        # A filter that is cut or left out would match what nobody asked for.
        ("/sessions/actions", {"action": "park", "filter": {"q": "demo" * 100}, "expect": 4}, 400),
        ("/sessions/actions", {"action": "park", "filter": {"bridge": 5}, "expect": 4}, 400),
        ("/sessions/actions", {"action": "park", "filter": "demo-1", "expect": 4}, 400),
        ("/delivery/actions", {"action": "dead_drop", "filter": {"session": 5}}, 400),
        ("/delivery/actions", {"action": "dead_drop", "filter": "demo-1"}, 400),
        ("/delivery/actions", {"action": "dead_drop", "filter": {"type": "x" * 300}}, 400),
        ("/delivery/actions", {"action": "dead_drop", "filter": {"session": "demo-1", "since": "1h"}}, 400),
        ("/delivery/replay", {"type": ["message."], "dry_run": True}, 400),
        ("/delivery/replay", {"sessions": [5], "dry_run": True}, 400),
        ("/delivery/replay", {"sessions": [""], "dry_run": True}, 400),
        ("/delivery/replay", {"sessions": "demo-1", "dry_run": True}, 400),
        ("/delivery/replay", {"session": "demo-1", "since": "1h", "dry_run": True}, 400),
        ("/delivery/replay", {"session": "demo-1", "dry_run": "yes"}, 400),
        ("/delivery/actions", {"action": "pause", "destination": "default"}, 200),
        ("/delivery/actions", {"action": "resume", "destination": "default"}, 200),
        ("/delivery/actions", {"action": "pause"}, 400),
        ("/delivery/replay", {"session": "demo-1", "dry_run": True}, 200),
        ("/delivery/replay", {"session": "demo-1", "expect": 99}, 409),
        ("/tokens", {"name": "deploy", "role": "viewer"}, 201),
        ("/tokens", {"name": "", "role": "viewer"}, 400),
        ("/alerts/test", {"sink": "-x"}, 400),
        ("/doctor", {}, 202),
    ]
    for path, body, expected in changes:
        status, _, answer = console.post(path, body)
        assert status == expected, (path, body, answer)
        check_answer("POST", path, status, answer)


def test_the_table_is_filtered_sorted_and_paged(world):
    _, console = world
    everything = console.get("/sessions?sort=session")[2]
    assert [r["session"] for r in everything["rows"]] == ["demo-1", "demo-2", "demo-3"]
    assert len(everything["rows"][0]["strip"]) == 96
    page = console.get("/sessions?sort=session&order=desc&limit=1&offset=1")[2]
    assert (page["total"], [r["session"] for r in page["rows"]]) == (3, ["demo-2"])
    assert console.get("/sessions?q=MO-1")[2]["total"] == 1
    assert console.get("/sessions?state=logged_out")[2]["total"] == 0
    assert console.get("/sessions?sort=size")[0] == 400
    assert console.get("/sessions?q=" + "x" * 300)[0] == 400 and console.get("/sessions?bridge=%zz")[0] == 400


def test_the_log_is_paged_backwards_and_searched(world):
    _, console = world
    zk.wait_until("the log has the webhooks", lambda: console.get("/events?type=message.")[2]["rows"][2:])
    page = console.get("/events?type=message.&session=demo-1&limit=2")[2]
    assert [r["text"] for r in page["rows"]] == ["hello number 2", "hello number 1"]
    older = console.get(f"/events?type=message.&session=demo-1&before={page['next_before']}")[2]
    assert older["rows"][0]["text"] == "hello number 0"
    assert len(console.get("/events?text=NUMBER%201")[2]["rows"]) == 1
    event = console.get(f"/events/{page['rows'][0]['seq']}")[2]
    assert event["body"]["data"]["body"] == "hello number 2"
    assert console.get("/events?since=yesterday")[0] == 400


def test_a_drop_is_pushed_and_actions_stand_in_the_timeline(world):
    stack, console = world
    stream = console.stream()
    stream.wait("hello", lambda event, _, data: event == "hello" and not data["resync"])
    console.get("/sessions")  # as a page does: changes are told of what was shown
    console.post("/sessions/actions", {"action": "park", "sessions": [{"bridge": "main", "session": "demo-2"}], "reason": "for a walk"})
    stream.wait("it is parked", lambda event, _, data: event == "session" and data["session"] == "demo-2" and data["parked"])
    stack.control("POST", f"/drop?session=demo-2&code=428")
    stream.wait("it is down", lambda event, _, data: event == "session" and data["session"] == "demo-2" and data["state"] != "connected")
    zk.wait_until("the alert is in the history", lambda: [r for r in console.get("/alerts/history")[2]["rows"] if r["firing"]])
    stream.wait("the audit row", lambda event, _, data: event == "audit" and data["action"] == "session.park")
    items = console.get("/sessions/main/demo-2/timeline")[2]["items"]
    assert {"change", "operator"} <= {i["kind"] for i in items}
    assert next(i for i in items if i["kind"] == "operator")["detail"] == "for a walk"
    assert items == sorted(items, key=lambda i: -i["at"])
    console.post("/sessions/actions", {"action": "unpark", "sessions": [{"bridge": "main", "session": "demo-2"}]})
    stream.wait("it is back", lambda event, _, data: event == "session" and data["session"] == "demo-2" and data["state"] == "connected" and not data["parked"])


def test_missed_events_come_after_a_reconnect(world):
    stack, console = world
    stream = console.stream("events=1&session=demo-1")
    stream.wait("hello", lambda event, *_: event == "hello")
    stack.post(zk.webhook("demo-1", message_id="S1"))
    seen = int(stream.wait("the event", lambda event, *_: event == "event")[1])
    stream.socket.close()
    stack.post(zk.webhook("demo-1", message_id="S2"))
    stack.post(zk.webhook("demo-3", message_id="S3"))
    zk.wait_until("they are in the log", lambda: console.get("/events?session=demo-3&type=message.")[2]["rows"])
    again = console.stream("events=1&session=demo-1", last=seen)
    again.wait("the missed one", lambda event, _, data: event == "event" and data["message_id"] == "S2")
    assert not [m for m in again.messages() if m[0] == "event" and (m[2]["session"] != "demo-1" or int(m[1]) <= seen)]


# ---- rights --------------------------------------------------------------------------------------------------------


def test_forged_requests_are_refused(world):
    _, console = world
    park = {"action": "park", "sessions": [{"bridge": "main", "session": "demo-3"}]}
    for headers in ({"Origin": "http://evil.example"}, {"Origin": None}, {"X-CSRF-Token": None}, {"X-CSRF-Token": "0" * 64},
                    {"Sec-Fetch-Site": "cross-site"}, {"Content-Type": "text/plain"}):
        status, _, answer = console.post("/sessions/actions", park, headers=headers)
        assert status == 403, (headers, answer)
    assert console.get("/sessions", headers={"Host": "evil.example"})[0] == 421
    assert console.get("/sessions", headers={"Cookie": None})[0] == 401
    assert console.get("/sessions", headers={"Cookie": "zapkeep_session=" + "0" * 64})[0] == 401
    assert console.get("/sessions?state=parked")[2]["total"] == 0
    assert console.get("/nothing")[0] == 404
    assert console.ask("PUT", "/sessions")[0] == 405


def test_a_viewer_and_a_token_have_their_rights(world):
    stack, console = world
    viewer = Console.__new__(Console)
    viewer.__dict__.update(console.__dict__)
    assert viewer.login(VIEWER)[2]["role"] == "viewer"
    assert viewer.get("/overview")[0] == 200
    assert viewer.post("/sessions/actions", {"action": "park", "sessions": []})[0] == 403
    assert viewer.get("/tokens")[0] == 403
    token = console.post("/tokens", {"name": "script", "role": "operator"})[2]
    bearer = {"Authorization": f"Bearer {token['token']}", "Cookie": None, "Origin": None, "X-CSRF-Token": None}
    assert console.get("/me", headers=bearer)[2]["actor"] == "token:script"
    assert console.post("/sessions/actions", {"action": "park", "sessions": [], "dry_run": True}, headers=bearer)[0] == 200
    rows = str(stack.sql("state", "SELECT * FROM access"))
    assert "script" in rows and token["token"] not in rows and console.cookie not in rows
    assert console.ask("DELETE", f"/tokens/{token['id']}")[0] == 204
    assert console.get("/me", headers=bearer)[0] == 401
    stack.cli("session", "park", "demo-3", "--reason", "by hand", check=True)
    stack.cli("session", "unpark", "demo-3", check=True)
    timeline = console.get("/sessions/main/demo-3/timeline")[2]["items"]
    assert [i["action"] for i in timeline if i["kind"] == "operator"][:2] == ["session.unpark", "session.park"]
    audit = stack.cli_json("audit", "--session", "demo-3", "--limit", "2")
    assert [(r["action"], r["detail"]) for r in audit] == [("session.unpark", ""), ("session.park", "by hand")]
    assert audit[0]["actor"].startswith("cli:")
    actions = [r["action"] for r in console.get("/audit")[2]["rows"]]
    assert {"token.create", "token.remove", "login"} <= set(actions)
    twice = console.post("/sessions/actions", {"action": "unpark", "sessions": [{"bridge": "main", "session": "demo-3"}]})[2]
    assert (twice["refused"], twice["results"][0]["why"]) == (1, "not-parked")
    assert viewer.post("/logout")[0] == 204
    assert viewer.get("/me")[0] == 401


def test_ten_wrong_logins_make_an_address_wait(stack):
    console = Console(stack)
    for _ in range(10):
        assert console.login("wrong")[0] == 401
    status, headers, _ = console.login()
    assert status == 429 and 10 < int(headers["Retry-After"]) <= 300
    # Without ZAPKEEP_CONSOLE_URL nobody is a proxy, so another address cannot be claimed.
    assert console.post("/login", {"password": PASSWORD}, headers={"X-Forwarded-For": "10.9.8.7"})[0] == 429


def test_a_login_ends_and_outlives_a_restart(stack):
    console = Console(stack)
    assert console.login()[0] == 200
    assert console.process.stop() == 0
    again = Console(stack, ZAPKEEP_CONSOLE_LOGIN_TIME="1s")
    again.cookie = console.cookie
    assert again.get("/me")[0] == 200
    assert again.login()[0] == 200
    zk.wait_until("the login has ended", lambda: time.sleep(1.1) or again.get("/overview")[0] == 401)  # each request renews it


def test_messages_a_minute_outlive_a_restart(stack):
    stack.ingest()
    assert all(stack.post(zk.webhook(message_id=f"M{i}"))[0] == 200 for i in range(5))
    console = Console(stack)
    assert console.login()[0] == 200
    received = lambda: sum(m["received"] for m in console.get("/overview")[2]["rate"])
    zk.wait_until("they are counted", lambda: received() == 5)
    assert console.process.stop() == 0
    cookie, console = console.cookie, Console(stack)
    console.cookie = cookie
    zk.wait_until("they are known again", lambda: received() == 5)


def test_the_one_time_url_works_once(stack):
    console = Console(stack, ZAPKEEP_CONSOLE_PASSWORD="", ZAPKEEP_CONSOLE_VIEWER_PASSWORD="")
    path = os.path.join(stack.data, "console-url")
    zk.wait_until("the file is there", lambda: os.path.exists(path) and os.path.getsize(path) > 60)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path) as f:
        ticket = re.search(r"/login\?ticket=([0-9a-f]{64})$", f.read().strip())[1]
    assert ticket not in console.process.text(), "it is no business of a log"
    assert console.login(ticket="0" * 64)[0] == 401
    assert console.login(ticket=ticket)[2]["role"] == "operator"
    assert console.login(ticket=ticket)[0] == 401


@pytest.mark.files
def test_the_one_time_url_survives_a_store_that_fails(stack):
    state = stack.file("data/state.db", "no database")
    console = Console(stack, ZAPKEEP_CONSOLE_PASSWORD="", ZAPKEEP_CONSOLE_VIEWER_PASSWORD="")
    path = os.path.join(stack.data, "console-url")
    zk.wait_until("the file is there", lambda: os.path.exists(path) and os.path.getsize(path) > 60)
    with open(path) as f:
        ticket = f.read().strip().rpartition("=")[2]
    assert console.login(ticket=ticket)[0] == 503
    os.unlink(state)
    assert console.login(ticket=ticket)[2]["role"] == "operator"


def test_a_changed_password_ends_the_logins_of_the_old_one(stack):
    console = Console(stack)
    assert console.login()[0] == 200
    console.process.stop()
    for password, status in ((PASSWORD, 200), ("another-password-1c9d", 401)):
        again = Console(stack, name=password, ZAPKEEP_CONSOLE_PASSWORD=password)
        again.cookie = console.cookie
        assert again.get("/me")[0] == status
        again.process.stop()


def test_one_address_has_a_part_of_the_connections(stack):
    console = Console(stack)
    held = []
    try:
        for _ in range(900):
            held.append(socket.create_connection(("127.0.0.1", console.port), timeout=30, source_address=("127.0.0.2", 0)))
        held[-1].settimeout(30)
        held[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        try:
            assert b" 503 " in held[-1].recv(4096)
        except ConnectionError:
            pass  # closed before it has asked
        assert console.login()[0] == 200  # of another address
    finally:
        for s in held:
            s.close()


def test_an_empty_store_is_answered_too(stack):
    console = Console(stack)
    assert console.login()[0] == 200
    for since in ({}, {"since": 1, "until": 2}, {"from_seq": 5, "to_seq": 9}):
        assert console.post("/delivery/replay", {"dry_run": True, **since})[2]["matched"] == 0
    assert console.post("/delivery/replay", {"expect": 0})[0] == 409
    stack.ingest()  # a log without an event
    for path in ("/overview", "/sessions", "/events", "/events?from=1", "/events?before=1", "/delivery", "/delivery/waiting",
                 "/delivery/dead", "/alerts", "/bridges", "/audit"):
        assert console.get(path)[0] == 200, path
    assert console.post("/delivery/replay", {"dry_run": True})[2]["matched"] == 0


def test_a_replay_reaches_no_address_of_the_inner_network(world):
    """A person at the console may send events to a public address, or to a URL that an administrator has configured."""
    stack, console = world
    inner = Backend()
    port = inner.url.rpartition(":")[2]
    one = {"from_seq": 1, "to_seq": 1, "expect": 1}

    def replay(url):
        status, _, answer = console.post("/delivery/replay", {**one, "to_url": url})
        assert status == 200, answer
        return zk.wait_until("the replay is over", lambda: (
            r := console.get(f"/delivery/replay/{answer['id']}")[2])["step"] != "running" and r)
    try:
        for host in ("127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "localhost"):
            over = replay(f"http://{host}:{port}/")
            assert (over["step"], over["sent"]) == ("failed", 0) and "private" in over["detail"], (host, over)
        assert inner.all() == []
        assert replay(stack.env["BACKEND_URL"])["step"] == "done"
        stack.cli("replay", "--from", "1", "--to", "1", "--to-url", inner.url, check=True)  # of somebody who has a shell here
        inner.wait(1)
    finally:
        inner.close()
    token = console.post("/tokens", {"name": "replayer", "role": "operator"})[2]["token"]
    by_token = {"Authorization": f"Bearer {token}", "Cookie": None}
    assert console.post("/delivery/replay", {**one, "to_url": "http://example.com/"}, headers=by_token)[0] == 403


def test_an_open_address_needs_a_password(stack):
    for env in ({"ZAPKEEP_CONSOLE_LISTEN": "0.0.0.0:0"}, {"ZAPKEEP_CONSOLE_LISTEN": "127.0.0.1:0", "ZAPKEEP_CONSOLE_URL": "https://ops.example.com"}):
        p = stack.start("open", "zapkeep-console", "--admin-listen", "off", **env)
        assert p.popen.wait(zk.PATIENCE) == 2
        assert "set ZAPKEEP_CONSOLE_PASSWORD" in p.text()


# ---- streams -------------------------------------------------------------------------------------------------------


def test_two_hundred_streams_are_cheap(world):
    """That a reader which stalls is cut is tests/unit/test_http_stream.c's."""
    _, console = world
    console.stream().wait("hello", lambda event, *_: event == "hello")
    before = console.process.rss_kib()
    streams = [console.stream() for _ in range(200)]
    for s in streams:
        s.wait("hello", lambda event, *_: event == "hello")
    grown = console.process.rss_kib() - before
    for s in streams:
        s.socket.close()
    if "asan" not in zk.BIN:
        assert grown <= 200 * 16, f"{grown} KiB for 200 streams"


# ---- the audit list ------------------------------------------------------------------------------------------------


# Commands that change something, by the action that stands in the audit list; None: it needs a drift, dead letters, a stack that is stopped,
# or PostgreSQL.
CHANGES = {
    "session reconnect": ("session.reconnect", ["demo-1"]), "session park": ("session.park", ["demo-2"]),
    "session unpark": ("session.unpark", ["demo-2"]), "session create": ("session.create", ["zeta"]),
    "session pair": ("session.pair", ["zeta", "--json"]), "session delete": ("session.delete", ["zeta", "--yes"]),
    "forward pause": ("delivery.pause", ["backend"]), "forward resume": ("delivery.resume", ["backend"]),
    "forward retry": ("delivery.retry", []), "forward skip": ("delivery.skip", ["1"]), "forward test": ("delivery.test", ["backend"]),
    "forward off": ("delivery.off", ["backend"]), "forward on": ("delivery.on", ["backend"]),
    "forward forget": ("delivery.forget", ["backend"]), "alert test": ("alert.test", []),
    "replay": ("delivery.replay", ["--from", "1", "--to", "1"]), "cursor remove": ("cursor.remove", ["old-consumer"]),
    "bridge check": None, "forward dead retry": None, "forward dead drop": None, "restore": None, "store init": None, "store upgrade": None,
    "store migrate": None,
}
READS = {"wait", "tap", "events", "status", "sessions", "bridges", "session show", "session qr", "forward status", "forward dead list",
         "forward dead show", "doctor", "audit", "cursor list", "store status", "backup", "probe"}


def test_each_command_that_changes_something_is_in_the_audit_list(world):
    stack, console = world
    with open(os.path.join(zk.ROOT, "services", "cli", "commands.h")) as f:
        commands = re.findall(r'X\(cmd_\w+, "([^"]+)"', f.read())
    assert set(commands) == READS | set(CHANGES), "a new command is either one that only reads, or one that is audited"
    stack.sql("state", "INSERT INTO cursor (consumer, seq, at) VALUES ('old-consumer', 1, 0)")
    before = console.get("/audit")[2]["rows"][0]["n"]
    for command, (_, args) in ((c, x) for c, x in CHANGES.items() if x):
        stack.cli(*command.split(), *args, ALERT_NTFY_URL="http://127.0.0.1:1/topic")
    rows = [r for r in console.get("/audit?limit=100")[2]["rows"] if r["n"] > before]
    assert {r["action"] for r in rows} == {x[0] for x in CHANGES.values() if x}
    assert all(r["actor"].startswith("cli:") for r in rows)
    refused = {r["action"] for r in rows if not r["ok"]}
    assert refused == {"session.reconnect", "alert.test"}  # it is connected; nothing listens there


def test_a_replay_of_several_sessions_is_counted_and_sent(world):
    stack, console = world
    for i in range(3):
        for session in ("demo-1", "demo-2", "demo-3"):
            assert stack.post(zk.webhook(session, message_id=f"{session}-again-{i}"))[0] == 200
    events = [e for e in stack.events() if "-again-" in (e["message_id"] or "")]
    wish = {"from_seq": events[0]["seq"], "to_seq": events[-1]["seq"], "type": "message.", "bridge": "main",
            "sessions": ["main/demo-1", "demo-3"]}
    counted = console.post("/delivery/replay", {**wish, "dry_run": True})[2]
    assert counted["matched"] == 6, counted
    assert console.post("/delivery/replay", {**wish, "bridge": "other", "dry_run": True})[2]["matched"] == 0
    assert console.post("/delivery/replay", {**wish, "until": 1, "dry_run": True})[2]["matched"] == 0
    assert console.post("/delivery/replay", {**wish, "sessions": [f"s{i}" for i in range(33)], "dry_run": True})[0] == 400
    run = console.post("/delivery/replay", {**wish, "expect": 6})[2]
    done = zk.wait_until("it is sent", lambda: (r := console.get(f"/delivery/replay/{run['id']}")[2])["step"] != "running" and r)
    assert (done["step"], done["sent"], done["failed"]) == ("done", 6, 0), done
    assert next(r for r in console.get("/audit")[2]["rows"] if r["action"] == "delivery.replay")["bridge"] == "main"


def test_the_console_on_postgresql(server):
    """In one test: the tests of a module are spread over several processes, and each would start a stack."""
    with a_world(server) as world:
        for test in (test_answers_are_as_the_openapi_file_says, test_the_table_is_filtered_sorted_and_paged,
                     test_the_log_is_paged_backwards_and_searched, test_a_drop_is_pushed_and_actions_stand_in_the_timeline,
                     test_missed_events_come_after_a_reconnect, test_a_viewer_and_a_token_have_their_rights,
                     test_a_replay_of_several_sessions_is_counted_and_sent):
            test(world)


# ---- pairing -------------------------------------------------------------------------------------------------------


def test_a_session_is_paired_by_its_code(world):
    stack, console = world
    stream = console.stream()
    status, _, pairing = console.post("/pairings", {"bridge": "main", "session": "delta"})
    assert status == 201, pairing
    check_answer("POST", "/pairings", status, pairing)

    def look():
        return console.get(f"/pairings/{pairing['id']}")[2]
    code = zk.wait_until("there is a code", lambda: (p := look())["step"] == "code" and p)
    check_answer("GET", "/pairings/{id}", 200, code)
    assert len(code["qr"]["modules"]) == code["qr"]["side"] ** 2 and code["qr"]["svg"].startswith("<svg")
    stack.control("POST", "/pair?session=delta")
    zk.wait_until("it is paired", lambda: look()["step"] == "paired")
    stream.wait("the page is told", lambda event, _, data: event == "pairing" and data["step"] == "paired")
    status, _, other = console.post("/pairings", {"bridge": "main", "session": "epsilon"})
    assert console.ask("DELETE", f"/pairings/{other['id']}")[0] == 204
    assert console.get(f"/pairings/{other['id']}")[2]["step"] == "cancelled"
    evil = console.post("/pairings", {"bridge": "main", "session": "--whatsapp-api-url=http://127.0.0.1:1"})[2]
    failed = zk.wait_until("a flag as a name fails", lambda: (p := console.get(f"/pairings/{evil['id']}")[2])["step"] == "failed" and p)
    assert "ID" in failed["error"], failed


# ---- behind a proxy ------------------------------------------------------------------------------------------------


def run_nginx(stack, port, snippet):
    snippet = snippet.replace("Host $host;", "Host $http_host;")
    folders = "".join(f"{name}_temp_path {stack.dir}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = stack.file("nginx.conf", f"daemon off;\nmaster_process off;\npid {stack.dir}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
                      f"http {{\naccess_log off;\n{folders}server {{ listen 127.0.0.1:{port};\n{snippet}}}\n}}\n")
    return ["/usr/sbin/nginx", "-p", stack.dir, "-c", path]


def run_caddy(stack, port, snippet):
    snippet = snippet.replace("ops.example.com {", f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1")
    path = stack.file("Caddyfile", "{\n\tadmin off\n\tauto_https off\n}\n" + snippet)
    return ["/usr/bin/caddy", "run", "--config", path, "--adapter", "caddyfile"]


# Traefik is not packaged by Debian 12: its snippet is read by people alone.
PROXIES = {"nginx": ("nginx.conf", run_nginx), "caddy": ("Caddyfile", run_caddy)}


@pytest.fixture(params=PROXIES)
def proxy(stack, request):
    """A proxy with its snippet of deploy/proxy, and a console that is told its address there."""
    name, run = PROXIES[request.param]
    port = zk.free_port()
    console = Console(stack, base="/zapkeep", ZAPKEEP_CONSOLE_URL=f"http://127.0.0.1:{port}/zapkeep")
    with open(os.path.join(zk.ROOT, "deploy", "proxy", name)) as f:
        argv = run(stack, port, f.read().replace("127.0.0.1:8080", f"127.0.0.1:{console.port}"))
    stack.processes["proxy"] = zk.Process("proxy", argv, {"PATH": os.environ["PATH"], "HOME": stack.dir}, stack.logs)
    console.origin = f"http://127.0.0.1:{port}"
    console.port = port
    console.url = f"{console.origin}/zapkeep"
    zk.wait_until("the proxy passes on", lambda: console.get("/me")[0] == 401, needs=stack.processes["proxy"])
    return console


def test_it_works_behind_a_proxy_under_a_base_path(proxy):
    status, headers, me = proxy.login()
    assert (status, me["base_path"]) == (200, "/zapkeep")
    assert "Path=/zapkeep/;" in headers["Set-Cookie"]
    assert zk.http("GET", f"{proxy.origin}/zapkeep/")[0] == 200
    assert proxy.post("/tokens", {"name": "x", "role": "viewer"})[0] == 201
    stream = Stream.__new__(Stream)
    stream.data = b""
    stream.socket = socket.create_connection(("127.0.0.1", proxy.port))
    stream.socket.settimeout(0.2)
    stream.socket.sendall(f"GET /zapkeep/api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nCookie: zapkeep_session={proxy.cookie}\r\n\r\n".encode())
    zk.wait_until("the stream begins at once", lambda: stream.more() and b"event: hello" in stream.data, step=0)
    # The proxy's word for the address counts, and it is the last one: not one that the browser wrote before it.
    zk.wait_until("it is tried", lambda: proxy.post("/login", {"password": "wrong"}, headers={"X-Forwarded-For": "10.9.8.7"})[0] == 401,
                  step=0.1)
    failed = next(r for r in proxy.get("/audit")[2]["rows"] if r["action"] == "login.failed")
    assert failed["address"] == "127.0.0.1"
