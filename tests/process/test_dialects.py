"""The simulated bridge in each recorded dialect, against the recordings: every recorded request is sent again, and the answer
has to be the recorded one but for the values named in UNSTABLE. Then its webhooks, in the same way. No driver takes part."""

import hashlib
import hmac
import json
import os
import re

import pytest

import zk
from test_bridge_sim import Receiver

pytestmark = pytest.mark.no_store

FIXTURES = os.path.join(zk.ROOT, "tests", "fixtures")
# Of the connection, and of the body, which is compared itself.
NOT_COMPARED = {"date", "connection", "keep-alive", "transfer-encoding", "content-length", "etag", "host", "accept-encoding"}
# The values that differ from run to run or were invented, by name. All else has to be equal, order of keys included.
UNSTABLE = [
    ("time as text", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
    ("QR code as PNG", r"iVBORw0KGgo[A-Za-z0-9+/=]+", "<png>"),
    ("QR code as text", r"2@FAKEREF\d*", "2@FAKEREF"),
    ("phone, each simulated session has its own", r"55119\d{7,9}", "<phone>"),
    ("UUID", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    ("token of an instance", r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}", "<token>"),
    ("token of wppconnect", r"\$2b\$\d\d\$[-.\w]{53}", "<bcrypt>"),
    ("id of WAHA's event", r"evt_[0-9a-z]{26}", "<event>"),
    ("id of Evolution's database", r"\bcm[a-z0-9]{20,}", "<row>"),
    ("id of a message", r"(3EB0[0-9A-Z]+|SIM\d+)", "<message>"),
    ("text of a message", r'"(body|conversation)":"(oi|retry\d+|hi[^"]*)"', r'"\1":"<text>"'),
    ("time as number, and uptime", r'"(timestamp|messageTimestamp|startTimestamp|uptime|t)":[\d.]+', r'"\1":0'),
    ("rows that Evolution counts", r'"_count":\{[^}]*\}', '"_count":{}'),
    ("port of the recorded server", r"127\.0\.0\.1:\d+", "127.0.0.1:0"),
    ("digest in OpenWA's key", r"_[0-9a-f]{12}_", "_<digest>_"),
]
SECRET = "hook-secret-0123456789"

# Files by number; "POST …" is an order to the simulated WhatsApp; "=WORD" lets things happen until a session
# has that status (they happen by order alone); "@503" is the
# answer to webhooks from now on; "*4" waits until that many were answered so, "+5" until so many
# came at all, "~WORD 2" until WORD was in two.
SCRIPTS = {
    "waha": ["01 02 03 04 05 06 07 08 09 10", "POST /own-fault?name=no-network", "11 12 13 14 15 16 +5 17 18 19 20 45",
             "POST /own-fault?name=no-network&on=0", "21", "=SCAN_QR_CODE", "22 23 24 25", "POST /qr?session=shop1", "26",
             "POST /pair?session=shop1", "27 28 29 30", "POST /messages?session=shop1", "POST /messages?session=shop1&type=read",
             "31 32", "=WORKING", "33", "POST /drop?session=shop1&code=428", "34", "=STARTING", "35",              "=WORKING",
             "POST /drop?session=shop1&code=440", "=STARTING", "36", "=WORKING", "POST /drop?session=shop1&code=403", "=STARTING",
             "37", "=WORKING", "POST /drop?session=shop1&code=401", "=FAILED", "38 39 40", "POST /pair?session=shop1", "41 42", "=WORKING",
             "@503", "POST /messages?session=shop1", "*4", "@200", "43 44", "45 46 47 48 49 50"],
    "evolution": ["01 02 03 04 05 06 07 08 09 10", "POST /own-fault?name=no-network", "11 12 13 14 15 16 17 18", "51",
                  "POST /own-fault?name=no-network&on=0", "POST /hold?on=0", "21", "POST /hold", "22 23 24", "POST /pair?session=shop1",
                  "25 26 27",
                  "POST /messages?session=shop1", "POST /messages?session=shop1&type=read", "28", "29 30", "=open", "31",
                  "POST /drop?session=shop1&code=428", "32 33", "=open",
                  "POST /drop?session=shop1&code=440", "34", "=open",
                  "POST /drop?session=shop1&code=403", "35 36 37 38 39", "POST /step", "~qrcode.updated 2", "40 41", "POST /pair?session=shop1",
                  "POST /drop?session=shop1&code=401", "42 43 44 45", "POST /pair?session=shop1", "46", "@503",
                  "POST /messages?session=shop1", "*4", "@404", "POST /messages?session=shop1", "*1", "@200", "47 48 49 50 51 52 53 54",
                  "POST /own-fault?name=licence", "61 62 63 64 65 66 67 68"],
    "openwa": ["POST /own-fault?name=no-limit", "01 02 03 04 05 06 07 08 09 10", "11 12", "=qr_ready", "13 14 15", "POST /pair?session=shop1", "16 17",
               "POST /drop?session=shop1&code=428", "18 19",
               "=ready", "POST /drop?session=shop1&code=440", "20 21 22", "=ready", "23 24 25",
               "26 27", "30 31 32", "=qr_ready", "POST /pair?session=shop2", "POST /messages?session=shop2",
               "POST /messages?session=shop2&type=read", "POST /drop?session=shop2&code=428", "POST /step", "~session.authenticated 2", "@503",
               "POST /messages?session=shop2", "*4", "@200", "POST /drop?session=shop2&code=440", "33 34", "POST /step", "~session.authenticated 3",
               "POST /drop?session=shop2&code=401", "35 37 38 39"],
    "wppconnect": ["01 03 04 05 06 07 08 09 10 11 12 13", "POST /own-fault?name=no-browser", "14 15 16 17",
                   "POST /own-fault?name=no-browser&on=0", "20", "21 22 23", "=QRCODE", "24 25 26 27",
                   "POST /pair?session=shop1", "28 29 30 31 32", "POST /messages?session=shop1",
                   "POST /messages?session=shop1&type=read", "33", "POST /drop?session=shop1&code=428", "34 35 36 37",
                   "POST /drop?session=shop1&code=401", "38 39 40", "POST /pair?session=shop1", "41 42 43", "POST /pair?session=shop1",
                   "44 45 46 47"],
}
# Recorded requests that no script has, each with its reason.
NOT_REPLAYED = {"openwa": {"36": "the simulated bridge keeps no list of deliveries that failed"},
                "wppconnect": {"02": "the numbers of a Node process"}}
KEYS = {"waha": "test-key", "evolution": "test-global-key", "openwa": "test-master-key-0123456789abcdef", "wppconnect": "test-secret"}


def mask(text):
    for _, pattern, value in UNSTABLE:
        text = re.sub(pattern, value, text)
    return text


class Recorded:
    """One file: the request as it was sent, the answer as it came."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            request, answer = f.read().split("=== request\n", 1)[1].split("=== response\n", 1)
        (self.method, self.path, _), self.headers, self.body = self.part(request)
        (_, self.status, *_), self.answer_headers, self.answer = self.part(answer)

    @staticmethod
    def part(text):
        head, _, body = text.partition("\n\n")
        first, *lines = head.split("\n")
        return first.split(" "), dict(line.split(": ", 1) for line in lines), body.strip("\n")


class Hook(Recorded):
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            note, _, rest = f.read().partition("\n")
        self.answered = int(note.rsplit(" ", 1)[1])
        _, self.headers, self.body = self.part(rest)


def files(dialect, folder=""):
    at = os.path.join(FIXTURES, dialect, folder)
    return {name[:3 if folder else 2]: os.path.join(at, name) for name in sorted(os.listdir(at)) if name.endswith(".http")}


def names(headers):
    return {k.lower() for k in headers} - NOT_COMPARED


def same(dialect, number, recorded, answer):
    status, headers, body = answer
    assert str(status) == recorded.status, f"{dialect} {number}: {body!r}"
    headers = {k.lower(): v for k, v in headers.items()}
    assert names(headers) == names(recorded.answer_headers), f"{dialect} {number}"
    for name, value in recorded.answer_headers.items():
        if name.lower() not in NOT_COMPARED | CHANGING.get(dialect, set()):
            assert headers[name.lower()] == value, f"{dialect} {number}: {name}"
    assert ("ETag" in recorded.answer_headers) == ("etag" in headers), f"{dialect} {number}"
    if recorded.answer_headers.get("Content-Type") == "image/png":
        assert body.startswith(b"\x89PNG\r\n"), f"{dialect} {number}"
    else:
        assert mask(body.decode().rstrip("\n")) == mask(recorded.answer), f"{dialect} {number}"


# Headers whose values differ each time.
CHANGING = {"openwa": {"x-request-id", "content-security-policy", *(f"x-ratelimit-{what}-{window}" for what in ("remaining", "reset")
                                                                  for window in ("short", "medium", "long"))}}
MADE_UP = r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|\$2b\$\d\d\$[-.\w]{53}"


class Replay:
    def __init__(self, stack, dialect, receiver):
        self.stack, self.dialect, self.receiver, self.found, self.refused, self.ids = stack, dialect, receiver, {}, 0, {}

    def learn(self, recorded, answer):
        """The ids that the bridge made up, recorded and here: later requests name them."""
        self.ids.update(zip(re.findall(MADE_UP, recorded.answer), re.findall(MADE_UP, answer)))

    def send(self, recorded):
        def mine(text):
            return re.sub(MADE_UP, lambda m: self.ids.get(m[0], m[0]), text)

        headers = {k: mine(v) for k, v in recorded.headers.items() if k not in ("Host", "Connection", "Content-Length")}
        url = f"http://127.0.0.1:{self.stack.ports['api']}{mine(recorded.path)}"
        body = re.sub(r"127\.0\.0\.1:18\d99", f"127.0.0.1:{self.receiver.server_address[1]}", recorded.body)
        return zk.http(recorded.method, url, body or None, headers, 20)

    def more(self):
        self.stack.control("POST", "/step")

    def step(self, step, of):
        if step.startswith("POST "):
            self.stack.control("POST", step[5:])
        elif step.startswith("@"):
            self.receiver.status, self.refused = step[1:] + " Status", len(self.receiver.requests)
        elif step.startswith("*"):
            zk.wait_until(f"{step[1:]} webhooks are refused", lambda: len(self.receiver.requests) - self.refused >= int(step[1:]))
        elif step.startswith("~"):
            word, n = step[1:].split()
            zk.wait_until(f"{n} webhooks say {word}", lambda: sum(f'"{word}"' in body for *_, body in self.receiver.requests) >= int(n))
        elif step.startswith("="):
            for _ in range(3):
                if step[1:] not in self.stack.state()["sessions"].values():
                    self.stack.control("POST", "/step")
            assert step[1:] in self.stack.state()["sessions"].values(), f"{self.dialect} {step}"
        else:
            for number in step.split():
                if number.startswith("+"):
                    zk.wait_until(f"{number[1:]} webhooks came", lambda n=int(number[1:]): len(self.receiver.requests) >= n or self.more())
                    continue
                self.found[number] = True
                recorded = Recorded(of[number])
                answer = self.send(recorded)
                same(self.dialect, number, recorded, answer)
                self.learn(recorded, answer[2].decode(errors="replace"))


# Webhooks that the simulated bridge sends in these scripts, and no recording shows, each with its reason.
NOT_RECORDED = {
    # of a session without network: the first five webhooks were kept
    # of an instance that no phone was ever paired with: there is no "sender"
    "evolution": ['{"event":"remove.instance"'],
    "waha": ['{"status":"STARTING","timestamp":0},{"status":"STOPPED","timestamp":0}]'],
}


def same_hooks(dialect, received):
    """Each recorded body was sent, and nothing else; the headers' names too, and the values of those that stay."""
    recorded = {}
    for path in [*files(dialect, "hooks").values(), *(files(dialect, "hooks-nonet") if dialect in ("waha", "evolution") else {}).values()]:
        hook = Hook(path)
        recorded.setdefault(mask(hook.body), []).append(hook.headers)
    sent = {}
    for _, _, headers, body in received:
        sent.setdefault(mask(body), []).append(dict(headers))
    assert sorted(recorded.keys() - sent.keys()) == [], f"{dialect}: these are recorded, and were not sent"
    more = [body for body in sent.keys() - recorded.keys() if not any(word in body for word in NOT_RECORDED.get(dialect, ()))]
    assert sorted(more) == [], f"{dialect}: these were sent, and are not recorded"
    for body, headers in recorded.items():
        more, fewer = hook_headers(sent[body]) - hook_headers(headers), hook_headers(headers) - hook_headers(sent[body])
        # of two configurations with the same bodies, one has a header of its own
        assert not fewer and {name for name, _ in more} <= {"authorization"}, f"{dialect}: {body}"


def hook_headers(of):
    """All header names of these webhooks, with the values of the stable ones."""
    return {(name.lower(), value if name.lower() in ("content-type", "user-agent", "authorization") else "")
            for headers in of for name, value in headers.items() if name.lower() not in NOT_COMPARED | OF_THE_LIBRARY}


# Of Node's fetch.
OF_THE_LIBRARY = {"accept", "accept-language", "sec-fetch-mode"}


def waha_signature(headers, body):
    want = hmac.new(b"hook-secret", body.encode(), hashlib.sha512).hexdigest()
    return headers["X-Webhook-Hmac"] == want and headers["X-Webhook-Hmac-Algorithm"] == "sha512" and \
        headers["X-Webhook-Request-Id"].lower() == json.loads(body)["id"][4:]


def openwa_signature(headers, body):
    want = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    said = json.loads(body)
    return headers["X-OpenWA-Signature"] == f"sha256={want}" and headers["X-OpenWA-Event"] == said["event"] and \
        headers["X-OpenWA-Idempotency-Key"] == said["idempotencyKey"] and headers["X-OpenWA-Delivery-Id"] == said["deliveryId"]


SIGNATURES = {"waha": waha_signature, "openwa": openwa_signature}


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


@pytest.mark.parametrize("dialect", SCRIPTS)
def test_every_recorded_request_is_answered_as_recorded(stack, receiver, dialect):
    stack.sim(dialect, "--pace", "3", "--webhook-retry-attempts", "4", "--webhook-retry-delay", "20ms", WEBHOOK_URL="",
              API_KEY=KEYS[dialect], WEBHOOK_AUTH_TOKEN="")
    stack.control("POST", "/hold")
    replay, of = Replay(stack, dialect, receiver), files(dialect)
    for step in SCRIPTS[dialect]:
        replay.step(step, of)
    assert sorted(of) == sorted({**replay.found, **NOT_REPLAYED.get(dialect, {})}), "each recorded request is in the script"
    zk.wait_until("all webhooks are away", lambda: stack.state()["waiting"] == 0)
    same_hooks(dialect, receiver.requests)
    for _, _, headers, body in receiver.requests if dialect in SIGNATURES else []:
        assert SIGNATURES[dialect](dict(headers), body), body


# ---- the faults of each ----------------------------------------------------------------------------------------


def ask(stack, method, path, headers, body=None):
    status, headers, body = zk.http(method, f"http://127.0.0.1:{stack.ports['api']}{path}", body, headers, 20)
    return status, {k.lower(): v for k, v in headers.items()}, body.decode()


def test_openwa_refuses_the_eleventh_call_of_a_second(stack):
    stack.sim("openwa")
    answers = [ask(stack, "GET", "/api/sessions", {"X-API-Key": stack.key}) for _ in range(12)]
    refused = [headers for status, headers, _ in answers if status == 429]
    assert refused and all(int(headers["retry-after"]) >= 1 for headers in refused)
    assert [status for status, *_ in answers][:10] == [200] * 10


def test_wuzapi_blanks_a_subscription_and_leaves_a_dead_client(stack, receiver):
    stack.sim("wuzapi", "--sessions", "1", WEBHOOK_URL=receiver.url, WEBHOOK_AUTH_TOKEN="", WEBHOOK_SECRET="s" * 20)
    admin, user = {"Authorization": stack.key}, {"token": "token-of-demo-1"}
    listed = json.loads(ask(stack, "GET", "/admin/users", admin)[2])["data"][0]
    assert (listed["connected"], listed["loggedIn"], listed["events"]) == (True, True, "All")
    assert ask(stack, "POST", "/session/connect", user, '{"Subscribe":["All"]}')[0] == 500, "it is connected already"
    assert ask(stack, "POST", "/session/disconnect", user)[0] == 200
    stack.control("POST", "/messages?session=demo-1")  # nobody wants it any more
    assert json.loads(ask(stack, "GET", "/admin/users", admin)[2])["data"][0]["events"] == ""
    assert ask(stack, "POST", "/session/connect", user, '{"Subscribe":["Message","Connected"],"Immediate":true}')[0] == 200
    zk.wait_until("it is back", lambda: stack.state()["sessions"]["demo-1"] == "connected")
    stack.control("POST", "/messages?session=demo-1")
    zk.wait_until("its webhooks come", lambda: len(receiver.requests) == 3)  # connected, connected, message
    for _, _, headers, body in receiver.requests:
        assert dict(headers)["Content-Type"] == "application/x-www-form-urlencoded"
        assert dict(headers)["x-hmac-signature"] == hmac.new(b"s" * 20, body.encode(), hashlib.sha256).hexdigest()
    stack.control("POST", "/drop?session=demo-1&code=440")
    status, _, body = ask(stack, "POST", "/session/connect", user, "{}")
    assert status == 500 and "already connected" in body


def test_gowa_ends_at_a_replaced_session_and_tells_of_none(stack, receiver):
    stack.sim("gowa", "--sessions", "2", WEBHOOK_URL=receiver.url, WEBHOOK_AUTH_TOKEN="")
    stack.control("POST", "/drop?session=demo-1&code=440")
    assert stack.state()["restarts"] == 1
    zk.wait_until("all are back", lambda: set(stack.state()["sessions"].values()) == {"logged_in"})
    stack.control("POST", "/messages?session=demo-1")
    zk.wait_until("the message comes", lambda: receiver.requests)
    (_, _, headers, body), = receiver.requests
    assert dict(headers)["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"secret", body.encode(), hashlib.sha256).hexdigest()
