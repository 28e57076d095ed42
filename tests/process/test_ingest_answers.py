"""E4: any request gets a clear answer or a timely close, and nobody else notices."""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import threading
import time

import pytest
import secrets_watch
import zk
from zk import wait_until, webhook

PATH = "/api/v1/messages/webhook"


def connect(stack, timeout=30):
    return socket.create_connection(("127.0.0.1", stack.ports["ingest"]), timeout=timeout)


def read_answer(s):
    """(status, headers in lower case, body) of one answer; status 0: closed without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = s.recv(65536)
        if not piece:
            return 0, {}, b""
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        piece = s.recv(65536)
        if not piece:
            break
        body += piece
    secrets_watch.note("an answer", data + body)
    return int(lines[0].split()[1]), headers, body


def raw(stack, data, timeout=30):
    with connect(stack, timeout) as s:
        s.sendall(data)
        try:
            return read_answer(s)
        except ConnectionResetError:
            return 0, {}, b""


def request(body, path=PATH, method="POST", token=zk.TOKEN, headers=(), length=None, type_="application/json"):
    lines = [f"{method} {path} HTTP/1.1", "Host: x"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if type_:
        lines.append(f"Content-Type: {type_}")
    lines += headers
    if not any(h.lower().startswith("transfer-encoding") for h in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def stack(request):
    """One ingest for the whole table; after each row it has to be as well as before."""
    stack = zk.Stack(ZAPKEEP_INGEST_HEADER_TIMEOUT="2s", ZAPKEEP_INGEST_BODY_TIMEOUT="3s",
                     ZAPKEEP_INGEST_IDLE_TIMEOUT="6s")
    stack.ingest()
    yield stack
    assert stack.processes["ingest"].stop() == 0  # an end at which a sanitizer finds what leaked
    stack.kill_all()
    stack.check_sanitizers()


@pytest.fixture(autouse=True)
def unharmed(stack):
    process = stack.processes["ingest"]
    yield
    assert process.running(), process.text()[-3000:]
    assert raw(stack, request(webhook(message_id=os.urandom(8).hex()).encode()))[0] == 200
    text = process.text()
    assert zk.TOKEN not in text and zk.TOKEN not in stack.get_ingest("/metrics")[2].decode()


# ---- answers -------------------------------------------------------------------------------------------------------

GOOD = webhook(message_id="good").encode()
DEEP = b'{"eventType":"message.received","sessionId":"s","data":' + b"[" * 5000 + b"]" * 5000 + b"}"

ROWS = [
    # what, request, status, error
    ("wrong path", request(GOOD, path="/api/v1/messages"), 404, "not_found"),
    ("no bridge", request(GOOD, path="/webhook/"), 404, "not_found"),
    ("a bridge that is no name", request(GOOD, path="/webhook/a%2fb"), 404, "not_found"),
    ("a bridge with a folder", request(GOOD, path="/webhook/../x"), 404, "not_found"),
    ("root", request(GOOD, path="/"), 404, "not_found"),
    ("GET", request(b"", method="GET"), 405, "method_not_allowed"),
    ("PUT", request(GOOD, method="PUT"), 405, "method_not_allowed"),
    ("DELETE", request(b"", method="DELETE"), 405, "method_not_allowed"),
    ("a method nobody knows", request(b"", method="BREW"), 405, "method_not_allowed"),
    ("POST to health", request(b"", path="/health"), 405, "method_not_allowed"),
    ("a body for health", request(GOOD, path="/health"), 413, "too_large"),
    ("a body for metrics", request(GOOD, method="GET", path="/metrics"), 413, "too_large"),
    ("no token", request(GOOD, token=None), 401, "unauthorized"),
    ("wrong token", request(GOOD, token="hook-tokem"), 401, "unauthorized"),
    ("a longer token", request(GOOD, token=zk.TOKEN + "2"), 401, "unauthorized"),
    ("wrong token in the query", request(GOOD, token=None, path=PATH + "?token=x"), 401, "unauthorized"),
    ("text", request(GOOD, type_="text/plain"), 415, "unsupported_media_type"),
    ("a form", request(b"a=b", type_="application/x-www-form-urlencoded"), 415, "unsupported_media_type"),
    ("like json", request(GOOD, type_="application/jsonx"), 415, "unsupported_media_type"),
    ("gzip", request(GOOD, headers=["Content-Encoding: gzip"]), 415, "unsupported_encoding"),
    ("empty", request(b""), 400, "not_json"),
    ("not JSON", request(b"hello"), 400, "not_json"),
    ("half of JSON", request(b'{"eventType":"message.received"'), 400, "not_json"),
    ("two JSONs", request(b"{} {}"), 400, "not_json"),
    ("bad UTF-8", request(b'{"eventType":"message.received","sessionId":"s","x":"\xff\xfe"}'), 400, "not_json"),
    ("a NUL byte", request(b'{"eventType":"message.rec\0eived"}'), 400, "not_json"),
    ("a list", request(b"[1,2,3]"), 400, "not_a_webhook"),
    ("a number", request(b"5"), 400, "not_a_webhook"),
    ("no type", request(b'{"sessionId":"s"}'), 400, "not_a_webhook"),
    ("5000 deep", request(DEEP), 400, "not_a_webhook"),
    ("a huge length", request(b"", length=10 ** 12), 413, "too_large"),
    ("a length that is none", request(b"", length="abc"), 400, "bad_request"),
    ("a length below zero", request(b"", length=-1), 400, "bad_request"),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
    ("a header without end", b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000, 431, "header_too_large"),
    ("a path without end", b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "target_too_long"),
]


@pytest.mark.parametrize("what,data,status,error", ROWS, ids=[row[0] for row in ROWS])
def test_answer(stack, what, data, status, error):
    got, headers, body = raw(stack, data)
    assert (got, json.loads(body)["error"]) == (status, error), body
    assert len(json.loads(body)["detail"]) > 10
    assert headers["content-type"] == "application/json"
    if status == 405:
        assert headers["allow"]
    if status == 401:
        assert headers["www-authenticate"]


def basic(password):
    return "Authorization: Basic " + base64.b64encode(f"zapkeep:{password}".encode()).decode()


ACCEPTED = [
    ("bearer", {}),
    ("basic", {"token": None, "headers": [basic(zk.TOKEN)]}),
    ("x-webhook-token", {"token": None, "headers": [f"x-webhook-token: {zk.TOKEN}"]}),
    ("query", {"token": None, "path": PATH + f"?token={zk.TOKEN}"}),
    ("query among others", {"token": None, "path": PATH + f"?a=b&token={zk.TOKEN}&c"}),
    ("a named bridge", {"path": "/webhook/second-bridge"}),
    ("no content type", {"type_": None}),
    ("content type with charset", {"type_": "Application/JSON; charset=utf-8"}),
    ("identity", {"headers": ["Content-Encoding: identity"]}),
]


@pytest.mark.parametrize("what,how", ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_accepted(stack, what, how):
    status, headers, body = raw(stack, request(webhook(message_id=f"ok {what}").encode(), **how))
    assert status == 200 and json.loads(body)["status"] == "accepted"
    row = stack.events("--from", str(json.loads(body)["seq"]))[0]
    assert row["message_id"] == f"ok {what}"
    assert row["bridge"] == ("second-bridge" if "bridge" in what else "main")


ODD = [
    ("no session", {"eventType": "message.received", "data": {}}, None, "message.received"),
    ("an id with slashes is kept", {"sessionId": "../evil", "eventType": "message.received"}, "../evil", "message.received"),
    ("a session that is no id", {"sessionId": "a\u0001b", "eventType": "message.received"}, None, "message.received"),
    ("a type nobody knows", {"sessionId": "s", "eventType": "x" * 5000}, "s", "event.other"),
    ("a type of ours that is no event", {"sessionId": "s", "eventType": "reconnect.due"}, "s", "event.other"),
    ("huge numbers", {"sessionId": "s", "eventType": "message.read", "timestamp": 10 ** 300, "data": -10 ** 400}, "s",
     "message.read"),
    ("times of nowhere", {"sessionId": "s", "eventType": "message.read", "timestamp": -5}, "s", "message.read"),
    ("odd texts", {"sessionId": "s", "eventType": "message.sent", "data": {"messageId": "\u0000\u001b[31m\ud83d"}}, "s",
     "message.sent"),
]


@pytest.mark.parametrize("what,body,session,type_", ODD, ids=[row[0] for row in ODD])
def test_odd_but_stored(stack, what, body, session, type_):
    text = json.dumps(body).encode()
    status, _, answer = raw(stack, request(text))
    assert status == 200, answer
    seq = json.loads(answer)["seq"]
    row = stack.events("--from", str(seq), "--limit", "1")[0]
    assert row["session"] == session and row["type"] == type_
    assert row["body"] == json.loads(text)
    assert "\x1b" not in stack.cli("events", "--from", str(seq)).stdout


def test_a_body_of_one_mebibyte_is_the_most(stack):
    for extra, status in ((0, 200), (1, 413)):
        body = webhook(message_id="big", text="")
        body = body.replace('"text":""', '"text":"' + "x" * (1024 * 1024 + extra - len(body)) + '"').encode()
        assert len(body) == 1024 * 1024 + extra
        assert raw(stack, request(body))[0] == status
        # in chunks nobody says how long it will be
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 60000]), body[i:i + 60000])
                          for i in range(0, len(body), 60000)) + b"0\r\n\r\n"
        assert raw(stack, request(chunks, headers=["Transfer-Encoding: chunked"]))[0] == status


def test_chunks(stack):
    body = webhook(message_id="chunks").encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, body[i:i + 1]) for i in range(len(body))) + b"0\r\n\r\n"
    assert raw(stack, request(chunks, headers=["Transfer-Encoding: chunked"]))[0] == 200
    assert raw(stack, request(b"zz\r\nhello\r\n0\r\n\r\n", headers=["Transfer-Encoding: chunked"]))[0] in (400, 0)


def test_expect_100_continue(stack):
    body = webhook(message_id="expect").encode()
    with connect(stack) as s:
        s.sendall(request(b"", length=len(body), headers=["Expect: 100-continue"]))
        assert s.recv(100).startswith(b"HTTP/1.1 100 Continue")
        s.sendall(body)
        assert read_answer(s)[0] == 200
    with connect(stack) as s:  # refused before the body is sent
        s.sendall(request(b"", length=len(body), headers=["Expect: 100-continue"], token="no"))
        assert read_answer(s)[0] == 401


def test_pipelined_requests_are_answered_in_their_order(stack):
    bodies = [webhook(message_id=f"pipe{i}").encode() for i in range(20)]
    with connect(stack) as s:
        s.sendall(b"".join(request(body) for body in bodies))
        data = b""
        while data.count(b'"seq":') < 20:
            data += s.recv(65536)
    seqs = [int(part.split(b"}")[0]) for part in data.split(b'"seq":')[1:]]
    rows = stack.events("--from", str(seqs[0]))
    assert [row["message_id"] for row in rows[:20]] == [f"pipe{i}" for i in range(20)]
    assert [row["seq"] for row in rows[:20]] == seqs


def test_refused_bodies_leave_the_connection_usable(stack):
    body = webhook(message_id="after refused").encode()
    with connect(stack) as s:
        for _ in range(3):
            s.sendall(request(body, token="no"))
            assert read_answer(s)[0] == 401
        s.sendall(request(body))
        assert read_answer(s)[0] == 200


# ---- slow and rude -------------------------------------------------------------------------------------------------

def closed_in_time(s, patience=20):
    s.settimeout(patience)
    try:
        while True:
            if not s.recv(65536):
                return True
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False


def drip(s, data):
    try:
        for byte in data:
            s.sendall(bytes([byte]))
            time.sleep(0.2)
    except OSError:
        pass


def test_slow_senders_are_cut_off(stack):
    slow = []
    for data, rest in ((b"POST / HT", b"x" * 200),
                       (b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n" * 100),
                       (request(b"", length=5000), b" " * 400)):
        s = connect(stack)
        s.sendall(data)
        threading.Thread(target=drip, args=(s, rest), daemon=True).start()
        slow.append(s)
    assert raw(stack, request(webhook(message_id="beside slow ones").encode()))[0] == 200
    for s in slow:
        assert closed_in_time(s), "a slow sender was not cut off"
        s.close()


def test_idle_connections_are_closed(stack):
    with connect(stack) as s:
        s.sendall(request(webhook(message_id="then idle").encode()))
        assert read_answer(s)[0] == 200
        assert closed_in_time(s, 40)


def test_a_body_cut_short_is_not_stored(stack):
    body = webhook(message_id="cut short").encode()
    for n in (0, 1, len(body) - 1):
        with connect(stack) as s:
            s.sendall(request(body[:n], length=len(body)))
            s.shutdown(socket.SHUT_WR)
            assert read_answer(s)[0] in (0, 400, 408)
    with connect(stack) as s:  # and torn away
        s.sendall(request(body[:10], length=len(body)))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert "cut short" not in [row["message_id"] for row in stack.events("--last", "50")]


def test_a_sender_that_does_not_wait_for_the_answer_is_stored_once(stack):
    body = webhook(message_id="gone away").encode()
    for i in range(50):
        with connect(stack) as s:
            s.sendall(request(body))
            time.sleep(i / 1000)  # a reset takes away what was not read yet: on a busy machine, all that comes at once
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until("it is stored", lambda: "gone away" in [r["message_id"] for r in stack.events("--last", "10")])
    assert [row["message_id"] for row in stack.events()].count("gone away") == 1


def test_many_connections_do_not_starve_others(stack):
    idle = [connect(stack) for _ in range(500)]
    half = [connect(stack) for _ in range(200)]
    for s in half:
        s.sendall(request(b"{", length=1000))
    for i in range(20):
        assert raw(stack, request(webhook(message_id=f"crowd{i}").encode()))[0] == 200
    for s in idle + half:
        s.close()


def test_connections_beyond_the_limit_wait_for_their_turn(make_stack):
    stack = make_stack(ZAPKEEP_INGEST_CONNECTIONS="20", ZAPKEEP_INGEST_PEER_CONNECTIONS="20", ZAPKEEP_INGEST_HEADER_TIMEOUT="3s")
    stack.ingest()
    idle = [connect(stack) for _ in range(20)]
    with connect(stack) as s:
        s.sendall(request(webhook(message_id="beyond").encode()))
        s.settimeout(0.5)
        with pytest.raises(socket.timeout):
            s.recv(1)
        s.settimeout(30)
        assert read_answer(s)[0] == 200  # those that say nothing were closed
    for other in idle:
        other.close()
    assert stack.processes["ingest"].stop() == 0


def test_noise(stack):
    """Bytes at random, and good requests with bytes changed at random."""
    good = request(webhook(message_id="noise").encode())
    for i in range(90):
        data = bytearray(os.urandom(300) if i % 3 == 0 else good)
        for _ in range(i % 7):
            data[int.from_bytes(os.urandom(2), "big") % len(data)] = os.urandom(1)[0]
        with connect(stack) as s:
            s.sendall(bytes(data))
            s.shutdown(socket.SHUT_WR)
            try:
                read_answer(s)
            except (ConnectionResetError, ValueError, UnicodeDecodeError):
                pass


# ---- rejected ------------------------------------------------------------------------------------------------------

def test_what_could_not_be_read_is_kept(stack):
    raw(stack, request(b"hello \xff\x1b[31m\0 world"))
    raw(stack, request(b'{"no":"envelope"}', path="/webhook/second"))
    rows = stack.cli_json("events", "--rejected", "--limit", "2")
    assert rows[0]["bridge"] == "second" and rows[0]["body"] == '{"no":"envelope"}'
    assert "envelope" in rows[0]["reason"]
    assert rows[1]["body"].startswith("hello ") and rows[1]["reason"] == "not JSON"
    assert "\x1b" not in stack.cli("events", "--rejected").stdout
    raw(stack, request(b"not from us", token="wrong"))
    assert "not from us" not in [row["body"] for row in stack.cli_json("events", "--rejected")]


# ---- tokens and signatures -----------------------------------------------------------------------------------------

def test_two_tokens_for_rotation(make_stack):
    stack = make_stack(WEBHOOK_AUTH_TOKEN="old-one, new-one")
    stack.ingest()
    for token, status in (("old-one", 200), ("new-one", 200), ("old-one, new-one", 401), ("", 401)):
        assert raw(stack, request(webhook(message_id=token or "x").encode(), token=token))[0] == status


def test_too_many_tokens_are_a_usage_error(make_stack):
    stack = make_stack(WEBHOOK_AUTH_TOKEN="secret-a,secret-b,secret-c")
    p = stack.ingest(ready=False)
    assert p.popen.wait(zk.PATIENCE) == 2
    assert "WEBHOOK_AUTH_TOKEN" in p.text() and "secret-" not in p.text()


def test_without_a_token_it_is_open_and_says_so(make_stack):
    stack = make_stack(WEBHOOK_AUTH_TOKEN="")
    p = stack.ingest()
    assert raw(stack, request(webhook().encode(), token=None))[0] == 200
    assert "WEBHOOK_AUTH_TOKEN is empty" in p.text()


def standard(secret, body, at=None, message="msg_1"):
    at = int(time.time()) if at is None else at
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{at}.".encode() + body, hashlib.sha256).digest()
    return [f"webhook-id: {message}", f"webhook-timestamp: {at}",
            "webhook-signature: v1,AAAA v1," + base64.b64encode(mac).decode()]


def test_signatures_stand_for_the_token(make_stack):
    secret = "whsec_" + base64.b64encode(b"a secret of 24 bytes ...").decode()
    stack = make_stack(WEBHOOK_AUTH_TOKEN=secret)
    stack.ingest()
    body = webhook(message_id="signed").encode()
    hub = "x-hub-signature-256: sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    now = int(time.time())
    for headers, status in ((standard(secret, body), 200), (standard(secret, body + b" "), 401),
                            (standard(secret, body, now - 400), 401), (standard(secret, body, now + 400), 401),
                            (standard(secret, body, now - 200), 200), ([hub], 200), ([hub[:-1] + "0x"], 401)):
        assert raw(stack, request(body, token=None, headers=headers))[0] == status, headers
