"""The simulated bridge against the recordings of the released zapw: it answers as zapw answers. Then its features beyond
that: zapw's measured behaviour, the contract's dialect, and the orders that the other tests rely on."""

import base64
import hashlib
import json
import os
import re
import socketserver
import threading
import time

import pytest

import zk

pytestmark = pytest.mark.no_store

FIXTURES = os.path.join(zk.ROOT, "tests", "fixtures", "zapw")
# The HTTP library's own: the date, and no word about keeping the connection, which HTTP/1.1 does anyway.
NOT_COMPARED = {"date", "connection"}
# These follow from the body, which is compared itself, times masked: both are computed again.
COMPUTED = {"etag", "content-length"}


def recorded(name):
    with open(os.path.join(FIXTURES, name), "rb") as f:
        head, _, body = f.read().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    return first, [tuple(line.split(": ", 1)) for line in lines], body.decode()


def mask(body):
    """Times, counters, QR codes and the phones of sessions differ from run to run; everything else has to be equal, order of keys included."""
    body = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", body)
    body = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "<qr>", body)
    body = re.sub(r'"(timestamp|uptime)":[\d.]+', r'"\1":0', body)
    body = re.sub(r'"phoneNumber":"(5511999|55119\d{9})"', '"phoneNumber":"<phone>"', body)
    return re.sub(r'"messageId":"[^"]*"', '"messageId":"<id>"', body)


def etag(body):
    """As Express makes it; the recorded ones are checked against this below."""
    digest = base64.b64encode(hashlib.sha1(body).digest()).decode()[:27]
    return f'W/"{len(body):x}-{digest}"'


class Api:
    def __init__(self, stack):
        self.base = f"http://127.0.0.1:{stack.ports['api']}"
        self.key = {"Authorization": f"Bearer {stack.key}"}

    def call(self, method, path, body=None, headers=None, timeout=10):
        headers = dict(self.key if headers is None else headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        return zk.http(method, self.base + path, body, headers, timeout)

    def status(self, session):
        return json.loads(self.call("GET", f"/sessions/{session}")[2])["data"]["status"]


def same_answer(answer, name):
    status, headers, body = answer
    first, want_headers, want_body = recorded(name)
    assert f"HTTP/1.1 {status}" == " ".join(first.split()[:2])
    got = {k.lower(): v for k, v in headers.items() if k.lower() not in NOT_COMPARED}
    want = {k.lower(): v for k, v in want_headers if k.lower() not in NOT_COMPARED}
    assert got.keys() == want.keys()
    assert {k: v for k, v in got.items() if k not in COMPUTED} == {k: v for k, v in want.items() if k not in COMPUTED}
    if "content-length" in want:
        assert got["content-length"] == str(len(body)) and want["content-length"] == str(len(want_body.encode()))
    if "etag" in want:
        assert got["etag"] == etag(body) and want["etag"] == etag(want_body.encode())
    assert mask(body.decode()) == mask(want_body)


def pair(stack, api, session):
    api.call("POST", "/sessions", json.dumps({"sessionId": session}))
    stack.control("POST", f"/pair?session={session}")


def test_every_answer_is_as_recorded(stack):
    stack.sim("zapw")
    api = Api(stack)
    same_answer(api.call("GET", "/health", headers={}), "api-01-health.http")
    same_answer(api.call("GET", "/sessions", headers={}), "api-02-unauthorized.http")
    same_answer(api.call("GET", "/sessions", headers={"X-API-Key": "wrong"}), "api-03-wrong-key.http")
    same_answer(api.call("GET", "/sessions"), "api-04-list-empty.http")
    same_answer(api.call("POST", "/sessions", '{"sessionId":"alpha"}'), "api-05-create.http")
    same_answer(api.call("POST", "/sessions", '{"sessionId":"alpha"}'), "api-06-create-conflict.http")
    same_answer(api.call("GET", "/sessions/alpha"), "api-07-get-qr-waiting.http")
    stack.control("POST", "/pair?session=alpha")
    same_answer(api.call("GET", "/sessions/alpha"), "api-08-get-connected.http")
    same_answer(api.call("GET", "/sessions"), "api-09-list-connected.http")
    same_answer(api.call("GET", "/sessions/nosuch"), "api-10-get-missing.http")
    same_answer(api.call("GET", "/sessions/alpha/status"), "api-11-status-path-does-not-exist.http")
    same_answer(api.call("POST", "/sessions/alpha/reconnect"), "api-12-reconnect-path-does-not-exist.http")
    same_answer(api.call("POST", "/sessions/alpha/messages", "{}"), "api-13-send-text.http")
    stack.control("POST", "/drop?session=alpha&code=428")
    same_answer(api.call("GET", "/sessions/alpha"), "api-14-get-disconnected.http")
    same_answer(api.call("POST", "/sessions/alpha/messages", "{}"), "api-15-send-while-disconnected.http")
    same_answer(api.call("DELETE", "/sessions/alpha"), "api-16-delete.http")
    same_answer(api.call("DELETE", "/sessions/alpha"), "api-17-delete-missing.http")
    for session, code in (("s440", 440), ("s401", 401), ("s515", 515), ("s408", 408)):
        pair(stack, api, session)
        # in the recording nobody was there to take the old pairing up again
        stack.control("POST", f"/drop?session={session}&code={code}&unpair=1")
    same_answer(api.call("GET", "/sessions"), "api-18-list-after-closes.http")
    same_answer(api.call("POST", "/sessions", "{not json"), "api-19-bad-json.http")
    zk.wait_until("s515 has a new QR code", lambda: stack.state()["sessions"]["s515"] == "qr_waiting")
    same_answer(api.call("GET", "/sessions"), "api-20-list-515-restarted.http")


# ---- webhooks -------------------------------------------------------------------------------------------------


class Receiver(socketserver.ThreadingTCPServer):
    """Takes webhooks raw: request line, headers in their order, body."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, status="200 OK"):
        self.requests = []
        self.status = status
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api/v1/messages/webhook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            headers = []
            while (header := self.rfile.readline().strip()):
                headers.append(tuple(header.decode().split(": ", 1)))
            body = self.rfile.read(int(dict(headers)["Content-Length"]))
            self.server.requests.append((time.monotonic(), line.decode().strip(), headers, body.decode()))
            self.wfile.write(f"HTTP/1.1 {self.server.status}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def hooks(receiver, n):
    return zk.wait_until(f"{n} webhooks came", lambda: len(receiver.requests) >= n and receiver.requests[:])


def bodies(receiver):
    return [json.loads(r[3]) for r in receiver.requests[:]]


def test_every_webhook_is_as_recorded(stack, receiver):
    stack.sim("zapw", "--webhook-url", receiver.url, "--connections", "1", "--body-bytes", "0")
    api = Api(stack)
    pair(stack, api, "alpha")
    for kind in ("received", "group", "sent", "sent", "sent"):
        stack.control("POST", f"/messages?session=alpha&type={kind}")
    stack.control("POST", "/drop?session=alpha&code=428")
    for session, code in (("s440", 440), ("s401", 401), ("s515", 515), ("s408", 408)):
        pair(stack, api, session)
        stack.control("POST", f"/drop?session={session}&code={code}")
    names = sorted(name for name in os.listdir(FIXTURES) if name.startswith("hook-"))
    assert len(names) == 14
    for (_, line, headers, body), name in zip(hooks(receiver, len(names))[:14], names, strict=True):
        first, want_headers, want_body = recorded(name)
        assert line == first, name
        assert [k for k, _ in headers] == [k for k, _ in want_headers], name
        assert [h for h in headers if h[0] not in ("Host", "Content-Length")] == \
            [h for h in want_headers if h[0] not in ("Host", "Content-Length")], name
        assert dict(headers)["Content-Length"] == str(len(body))
        assert mask(body) == mask(want_body), name


def test_a_webhook_is_tried_three_times_and_then_dropped(stack, receiver):
    receiver.status = "500 Internal Server Error"
    stack.sim("zapw", "--webhook-url", receiver.url, "--sessions", "1")
    zk.wait_until("it is dropped", lambda: stack.state()["dropped"] == 1)
    times = [r[0] for r in receiver.requests]
    assert len(times) == 3
    assert times[2] - times[1] > times[1] - times[0] > 0.5  # 1 s, then 2 s
    assert len({r[3] for r in receiver.requests}) == 1, "a retry is the same bytes"
    assert stack.state()["statuses"] == {"500": 3}


def test_without_a_limit_a_webhook_is_sent_until_it_is_taken(stack, receiver):
    receiver.status = "503 Service Unavailable"
    stack.sim("zapw", "--webhook-url", receiver.url, "--webhook-retry-attempts", "0", "--webhook-retry-delay", "20ms")
    stack.control("POST", "/sessions?n=1&connected=1")
    stack.control("POST", "/messages?session=demo-1&n=5")
    hooks(receiver, 30)
    assert stack.control("GET", "/acknowledged") == []
    receiver.status = "200 OK"
    zk.wait_until("all are taken", lambda: stack.state()["acknowledged"] == 6)
    assert stack.control("GET", "/acknowledged") == [[0, 4]]
    assert stack.state()["waiting"] == 0


def test_traffic_keeps_its_rate_types_and_sizes(stack, receiver):
    stack.sim("contract", "--webhook-url", receiver.url, "--sessions", "3", "--rate", "200",
              "--types", "received,group,sent,delivered,read", "--body-bytes", "1000")
    hooks(receiver, 300)
    stack.control("POST", "/traffic?rate=0")
    zk.wait_until("nothing waits", lambda: stack.state()["waiting"] == 0)
    messages = [b for b in bodies(receiver) if b["eventType"].startswith("message.")]
    kinds = [b["eventType"] for b in messages]
    assert {k: kinds.count(k) // (len(kinds) // 5) for k in kinds} == {
        "message.received": 2, "message.sent": 1, "message.delivered": 1, "message.read": 1}
    assert {b["sessionId"] for b in messages} == {"demo-1", "demo-2", "demo-3"}
    assert {len(r[3]) for r in receiver.requests if '"type":"text"' in r[3]} == {1000}
    ids = {b["data"]["messageId"] for b in messages}
    assert ids == {f"SIM{n}" for n in range(len(messages))}
    assert stack.control("GET", "/acknowledged") == [[0, len(messages) - 1]]


def test_lost_webhooks_are_not_sent(stack, receiver):
    stack.sim("zapw", "--webhook-url", receiver.url, "--sessions", "1")
    hooks(receiver, 1)
    stack.control("POST", "/lose?n=2")
    stack.control("POST", "/messages?session=demo-1&n=3")
    hooks(receiver, 2)
    zk.wait_until("nothing waits", lambda: stack.state()["waiting"] == 0)
    assert [b["data"]["messageId"] for b in bodies(receiver)[1:]] == ["SIM2"]
    assert stack.state()["lost"] == 2


def test_a_receiver_that_is_not_there_costs_tries_and_comes_back(stack, receiver):
    url, port = receiver.url, receiver.server_address[1]
    receiver.close()
    stack.sim("zapw", "--webhook-url", url, "--sessions", "1", "--webhook-retry-delay", "100ms")
    zk.wait_until("it is dropped", lambda: stack.state()["dropped"] == 1)
    assert stack.state()["statuses"] == {"0": 3}
    back = Receiver.__new__(Receiver)
    back.requests, back.status = [], "200 OK"
    socketserver.ThreadingTCPServer.__init__(back, ("127.0.0.1", port), Handler)
    threading.Thread(target=back.serve_forever, daemon=True).start()
    try:
        stack.control("POST", "/messages?session=demo-1")
        hooks(back, 1)
    finally:
        back.close()


def test_a_name_that_nobody_knows_is_an_answer_that_never_came(stack):
    stack.sim("zapw", "--webhook-url", "http://nobody.invalid:1234/", "--sessions", "1", "--webhook-retry-delay", "50ms")
    zk.wait_until("it is dropped", lambda: stack.state()["dropped"] == 1)
    assert stack.processes["sim"].stop() == 0


# ---- zapw's measured behaviour --------------------------------------------------------------------------------


def test_a_515_comes_back_by_itself_and_tells_nothing(stack, receiver):
    stack.sim("zapw", "--webhook-url", receiver.url, "--sessions", "1")
    hooks(receiver, 1)
    stack.control("POST", "/drop?session=demo-1&code=515")
    assert Api(stack).status("demo-1") == "connecting"
    zk.wait_until("it is back", lambda: Api(stack).status("demo-1") == "connected")
    assert [b["eventType"] for b in bodies(receiver)] == ["session.connected"] * 2


def test_a_restart_brings_all_back_but_dead_credentials(stack, receiver):
    stack.sim("zapw", "--webhook-url", receiver.url, "--sessions", "3", "--restart-delay", "300ms")
    api = Api(stack)
    stack.control("POST", "/drop?session=demo-1&code=428")
    stack.control("POST", "/drop?session=demo-2&code=401")
    hooks(receiver, 5)
    stack.control("POST", "/restart")
    assert api.call("GET", "/health")[0] == 0, "it is away"
    zk.wait_until("it answers", lambda: api.call("GET", "/health")[0] == 200)
    assert {"connecting"} == set(stack.state()["sessions"].values())
    zk.wait_until("each is what it will be",
                  lambda: set(stack.state()["sessions"].values()) == {"connected", "disconnected"})
    assert stack.state()["sessions"] == {"demo-1": "connected", "demo-2": "disconnected", "demo-3": "connected"}
    last = {b["sessionId"]: b for b in bodies(receiver)}
    assert last["demo-2"]["data"]["reason"]["shouldReconnect"] is False
    assert [c["session"] for c in stack.control("GET", "/calls")] == [""]


def test_webhooks_in_memory_die_with_the_process(stack, receiver):
    receiver.status = "500 Internal Server Error"
    stack.sim("zapw", "--webhook-url", receiver.url, "--sessions", "1", "--reconnect-delay", "1h")
    hooks(receiver, 1)
    zk.wait_until("it waits for its retry", lambda: stack.state()["retried"] == 1)
    stack.control("POST", "/restart")
    assert stack.state()["waiting"] == 0 and stack.state()["lost"] == 1


def test_creation_without_a_qr_code_times_out_and_leaves_nothing(stack):
    stack.sim("zapw", "--qr-delay", "1m", "--create-timeout", "300ms")
    status, _, body = Api(stack).call("POST", "/sessions", '{"sessionId":"late"}')
    assert (status, json.loads(body)) == (500, {"status": "error", "error": "Timeout waiting for QR code"})
    assert stack.state()["sessions"] == {}


def test_the_assumed_body_makes_a_session_with_a_random_id(stack):
    stack.sim("zapw")
    status, _, body = Api(stack).call("POST", "/sessions", '{"id":"zz","webhook":{"url":"http://x/"}}')
    assert status == 201
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", json.loads(body)["data"]["id"])


def test_an_expired_qr_code_is_given_once_more(stack):
    stack.sim("zapw", "--qr-life", "200ms")
    api = Api(stack)
    api.call("POST", "/sessions", '{"sessionId":"q"}')
    time.sleep(0.3)
    stale = json.loads(api.call("GET", "/sessions/q")[2])["data"]
    assert stale["status"] == "disconnected" and stale["qrCode"]
    fresh = zk.wait_until("there is a new one", lambda: json.loads(api.call("GET", "/sessions/q")[2])["data"])
    zk.wait_until("it waits", lambda: api.status("q") == "qr_waiting" or fresh["qrExpiresAt"] > stale["qrExpiresAt"])


def test_a_session_that_zapw_forgot_is_revived_by_creating_it(stack):
    stack.sim("zapw", "--sessions", "2")
    api = Api(stack)
    stack.control("POST", "/unlist?session=demo-1")
    assert [x["id"] for x in json.loads(api.call("GET", "/sessions")[2])["data"]] == ["demo-2"]
    assert api.call("GET", "/sessions/demo-1")[0] == 404
    status, _, body = api.call("POST", "/sessions", '{"sessionId":"demo-1"}')
    assert status == 201 and json.loads(body)["data"]["status"] == "connected"


def test_a_body_over_100_kb_and_events(stack, receiver):
    stack.sim("zapw", "--webhook-url", receiver.url, "--sessions", "1")
    api = Api(stack)
    assert api.call("POST", "/sessions/demo-1/messages", json.dumps({"x": "y" * 103000}))[0] == 500
    stack.control("POST", "/messages?session=demo-1&n=12")
    events = json.loads(api.call("GET", "/events")[2])
    assert len(events) == 10
    assert list(events[-1]) == ["id", "sessionId", "eventType", "timestamp", "data"]
    assert events[-1]["data"]["messageId"] == "SIM11"
    assert json.loads(api.call("DELETE", "/events")[2]) == {"status": "success"}
    assert json.loads(api.call("GET", "/events")[2]) == []


def test_user_and_password_of_the_webhook_url_arrive_as_basic(stack, receiver):
    url = receiver.url.replace("//", "//zapkeep:s3cret@") + "?token=t"
    stack.sim("zapw", "--webhook-url", url, "--sessions", "1")
    _, line, headers, _ = hooks(receiver, 1)[0]
    assert line.split()[1] == "/api/v1/messages/webhook?token=t"
    assert dict(headers)["Authorization"] == "Basic " + base64.b64encode(b"zapkeep:s3cret").decode()


# ---- the contract's dialect -----------------------------------------------------------------------------------


def test_the_contract_has_what_zapw_has_not(stack, receiver):
    stack.sim("contract")
    api = Api(stack)
    webhook = {"url": receiver.url, "events": ["message.received", "session.connected", "session.disconnected", "session.qr"]}
    status, _, body = api.call("POST", "/sessions", json.dumps({"id": "c1", "webhook": webhook}))
    assert status == 201
    assert json.loads(body) == {"id": "c1", "status": "qr_pending", "qr": "2@simulated,qr,code"}
    assert json.loads(api.call("GET", "/sessions/c1/status")[2]) == {"id": "c1", "status": "qr_pending"}
    hooks(receiver, 1)
    stack.control("POST", "/pair?session=c1")
    stack.control("POST", "/messages?session=c1&type=delivered")  # not asked for
    stack.control("POST", "/messages?session=c1")
    stack.control("POST", "/drop?session=c1")
    assert json.loads(api.call("GET", "/sessions/c1/status")[2])["status"] == "disconnected"
    assert api.call("POST", "/sessions/c1/reconnect")[0] == 200
    zk.wait_until("it is back",
                  lambda: json.loads(api.call("GET", "/sessions/c1/status")[2])["status"] == "connected")
    hooks(receiver, 5)
    assert sorted(b["eventType"] for b in bodies(receiver)) == sorted(
        ["session.qr", "session.connected", "message.received", "session.disconnected", "session.connected"])
    assert {dict(r[2])["Authorization"] for r in receiver.requests} == {f"Bearer {stack.token}"}
    assert len(stack.calls("c1")) == 1
    missing = api.call("GET", "/sessions/none/status")
    assert missing[0] == 404 and json.loads(missing[2])["error"] == "not_found"
    assert api.call("DELETE", "/sessions/c1")[0] == 204
    assert api.call("GET", "/sessions/c1/status")[0] == 404


def test_the_contract_may_be_without_a_list(stack):
    stack.sim("contract", "--sessions", "1", "--list=false")
    api = Api(stack)
    assert api.call("GET", "/sessions")[0] == 404
    assert json.loads(api.call("GET", "/sessions/demo-1/status")[2]) == {"id": "demo-1", "status": "connected"}


def test_a_reconnection_may_be_answered_and_do_nothing(stack):
    stack.sim("contract", "--sessions", "1", "--reconnect-delay", "0")
    stack.control("POST", "/drop?session=demo-1")
    stack.control("POST", "/reconnect-does-nothing?on=1")
    assert Api(stack).call("POST", "/sessions/demo-1/reconnect")[0] == 200
    time.sleep(0.2)
    assert stack.state()["sessions"]["demo-1"] == "disconnected"


# ---- faults ---------------------------------------------------------------------------------------------------


def test_faults_are_played(stack):
    stack.sim("contract", "--sessions", "3")
    api = Api(stack)
    stack.control("POST", "/fault?kind=status&n=503&route=/sessions&count=2")
    assert [api.call("GET", "/sessions")[0] for _ in range(3)] == [503, 503, 200]
    assert api.call("GET", "/health")[0] == 200
    stack.control("POST", "/fault?kind=garbage&count=1")
    assert b"not JSON" in api.call("GET", "/sessions")[2]
    stack.control("POST", "/fault?kind=cut&count=1")
    assert api.call("GET", "/sessions")[0] == 0
    stack.control("POST", "/fault?kind=hang")
    assert api.call("GET", "/sessions", timeout=1)[0] == 0
    stack.control("POST", "/fault?kind=none")
    stack.control("POST", "/refuse")
    assert api.call("GET", "/sessions")[0] == 0
    stack.control("POST", "/listen")
    assert api.call("GET", "/sessions")[0] == 200
    stack.control("POST", "/drop?share=0.5")
    assert list(stack.state()["sessions"].values()).count("disconnected") == 1


def test_faults_of_one_route_leave_the_others(stack):
    stack.sim("contract", "--sessions", "2")
    api = Api(stack)
    stack.control("POST", "/fault?kind=status&n=500&route=/sessions/*/reconnect")
    stack.control("POST", "/fault?kind=slow&n=400&route=/sessions&method=GET")
    started = time.monotonic()
    assert api.call("GET", "/sessions")[0] == 200
    assert time.monotonic() - started >= 0.4
    assert api.call("POST", "/sessions/demo-1/reconnect")[0] == 500
    stack.control("POST", "/fault?kind=none&route=/sessions/*/reconnect")
    assert api.call("POST", "/sessions/demo-2/reconnect")[0] == 200
    first, second = stack.control("GET", "/calls")
    assert (first["session"], second["session"]) == ("demo-1", "demo-2")
    assert 0 <= first["at_ms"] <= first["done_ms"] <= second["at_ms"]


def test_a_call_that_hangs_is_noted_and_not_answered(stack):
    stack.sim("contract", "--sessions", "1")
    stack.control("POST", "/fault?kind=hang&route=/sessions/demo-1/reconnect")
    assert Api(stack).call("POST", "/sessions/demo-1/reconnect", timeout=0.5)[0] == 0
    assert [c["done_ms"] for c in stack.control("GET", "/calls")] == [-1]
    assert stack.state()["reconnects"] == 0


def test_the_same_seed_drops_the_same_sessions(make_stack):
    dropped = []
    for _ in range(2):
        stack = make_stack()
        stack.sim("contract", "--sessions", "40", "--seed", "7")
        stack.control("POST", "/drop?share=0.25")
        dropped.append({k for k, v in stack.state()["sessions"].items() if v == "disconnected"})
        stack.processes["sim"].stop()
    assert dropped[0] == dropped[1] and len(dropped[0]) == 10


def test_ten_thousand_sessions(stack):
    stack.sim("zapw", "--sessions", "10000")
    status, _, body = Api(stack).call("GET", "/sessions")
    assert status == 200 and len(json.loads(body)["data"]) == 10000
    stack.control("POST", "/drop?share=0.5&code=503")
    assert list(stack.state()["sessions"].values()).count("disconnected") == 5000
    assert Api(stack).call("DELETE", "/sessions/demo-5000")[0] == 204
    assert stack.processes["sim"].stop() == 0


@pytest.mark.parametrize("setting, words", [
    (("--types", "received,nonsense"), "TYPES"), (("--dialect", "latin"), "DIALECT"), (("--port", "70000"), "PORT"),
])
def test_a_setting_that_makes_no_sense(stack, setting, words):
    p = stack.start("sim", "zapkeep-bridge-sim", *setting)
    assert p.popen.wait(zk.PATIENCE) == 2
    assert words in p.text() and len(p.text().splitlines()) == 1
