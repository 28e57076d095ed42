"""One stack with a simulated bridge of each dialect beside it (ZAPKEEP_BRIDGES, type = auto): what the drivers do with bridges that
are held against recordings (test_dialects.py) and share no line with them."""

import base64
import json
import re

import pytest
import zk
from test_console_api import Console

pytestmark = pytest.mark.any_store

# A drop that the bridge does not mend by itself: its code for the simulated WhatsApp.
DROPS = {"waha": 0, "evolution": 0, "openwa": 0, "wppconnect": 428, "wuzapi": 428, "gowa": 428}
# GOWA's code is shown by its own web page, because the call that makes one disconnects first.
NO_QR = {"gowa"}


class Fleet:
    def __init__(self, stack, names):
        self.stack, self.ports = stack, {name: (zk.free_port(), zk.free_port()) for name in names}
        for gone in ("WHATSAPP_API_URL", "WHATSAPP_API_KEY"):
            stack.env.pop(gone)
        stack.env["ZAPKEEP_BRIDGES"] = stack.file("bridges.conf", "".join(
            f"[bridge {name}]\ntype = auto\nurl = http://127.0.0.1:{api}\nkey = {stack.key}\nwebhook_token = {stack.token}\n"
            for name, (api, _) in self.ports.items()))

    def start(self, name):
        api, control = self.ports[name]
        p = self.stack.start(f"sim-{name}", "zapkeep-bridge-sim", "--dialect", name, "--port", str(api), "--control-port", str(control),
                             "--sessions", "2", "--prefix", f"{name}-", "--pace", "5", "--reconnect-delay", "200ms", API_KEY=self.stack.key,
                             WEBHOOK_URL=self.hook(name), WEBHOOK_AUTH_TOKEN=self.stack.token)
        zk.wait_until(f"{name} answers", lambda: self.control(name, "GET", "/state", check=False), needs=p)

    def plain_hook(self, name):
        return f"http://127.0.0.1:{self.stack.ports['ingest']}/webhook/{name}"

    def hook(self, name):
        user = f"zapkeep:{self.stack.token}@" if name in ("wppconnect", "wuzapi", "gowa") else ""  # they can only be given a URL
        return f"http://{user}127.0.0.1:{self.stack.ports['ingest']}/webhook/{name}"

    def control(self, name, method, path, check=True):
        status, _, body = zk.http(method, f"http://127.0.0.1:{self.ports[name][1]}{path}")
        assert not check or status == 200, f"{name}: {method} {path}: {status} {body!r}"
        return json.loads(body) if status == 200 else None

    def states(self, name):
        """The states of its sessions, as the monitor holds them."""
        done = self.stack.cli("sessions", "--bridge", name, "--json")
        return sorted(json.loads(line)["state"] for line in done.stdout.splitlines()) if done.returncode == 0 else []

    def wait_states(self, name, states):
        zk.wait_until(f"{name} is {states}", lambda: self.states(name) == sorted(states), step=0.2)

    def calls(self, name):
        return [c["session"] for c in self.control(name, "GET", "/calls")]


@pytest.fixture
def fleet(make_stack):
    stack = make_stack(RECONNECT_INTERVAL="2s")
    fleet = Fleet(stack, DROPS)
    stack.hub()
    stack.ingest()
    for name in DROPS:
        fleet.start(name)
    stack.monitor()
    stack.worker()
    for name in DROPS:
        fleet.wait_states(name, ["connected"] * 2)
    return fleet


CODES = {"waha": "ABCD", "evolution": "WZYEH1YY", "wuzapi": "ABCD-1234", "gowa": "ABCD"}  # how the simulated one begins


def pair_by_phone(fleet):
    """A new session, which its bridge names as it likes; the code is asked for by one call or by two. Its webhooks present the
    token, though WEBHOOK_URL has none."""
    pairs = {name: fleet.stack.start(f"pair-{name}", "zapkeep", "session", "pair", "phone1", "--bridge", name, "--phone", "+55 11 98888-7777",
                                     "--wait", "--json", WEBHOOK_URL=fleet.plain_hook(name)) for name in CODES}

    def rows(name):
        return [json.loads(line) for line in pairs[name].text().splitlines() if line.startswith("{")]

    for name, code in CODES.items():
        zk.wait_until(f"the code of {name} is shown", lambda: rows(name) and (rows(name)[0]["pairing_code"] or "").startswith(code), needs=pairs[name])
        fleet.control(name, "POST", "/pair?session=phone1")
    for name in CODES:
        zk.wait_until(f"the pairing with {name} ends", lambda: pairs[name].popen.poll() == 0)
        assert rows(name)[-1]["state"] == "connected"
        fleet.control(name, "POST", "/messages?session=phone1")
    for name in CODES:
        made = rows(name)[-1]["session"]
        zk.wait_until(f"a message of {name}'s new session is stored", lambda n=name, m=made: any(
            (e["bridge"], e["session"], e["type"]) == (n, m, "message.received") for e in fleet.stack.events()))


def test_a_bridge_of_each_dialect_is_found_followed_and_brought_back(fleet):
    found = {row["bridge"]: row["driver"] for row in fleet.stack.cli_json("bridges")}
    assert found == {name: name for name in DROPS}
    versions = {"waha": "2025.10.1", "evolution": "2.3.7"}  # the others have no call for it
    zk.wait_until("their versions are stored",
                  lambda: {row["bridge"]: row["version"] for row in fleet.stack.cli_json("bridges")} == {name: versions.get(name, "") for name in DROPS})
    zk.wait_until("each version has a line in the log", lambda: sorted(re.findall(
        r"bridge-version .* bridge=(\S+) version=(\S+)", fleet.stack.processes["monitor"].text())) == sorted(versions.items()))
    console = Console(fleet.stack)
    console.login()
    assert {b["bridge"]: b["version"] for b in console.get("/bridges")[2]["bridges"]} == {name: versions.get(name, "") for name in DROPS}

    for name in DROPS:  # their subscriptions are what they should be, or cannot be seen
        check = fleet.stack.cli("bridge", "check", name)
        assert check.returncode == 0, check.stdout + check.stderr

    for name, code in DROPS.items():
        fleet.control(name, "POST", f"/drop?session={name}-1&code={code}")
    for name in DROPS:
        zk.wait_until(f"{name} is called", lambda n=name: f"{n}-1" in fleet.calls(n))
        fleet.wait_states(name, ["connected"] * 2)
        assert f"{name}-2" not in fleet.calls(name), name

    for name in DROPS:
        fleet.control(name, "POST", f"/messages?session={name}-2")
        fleet.control(name, "POST", f"/messages?session={name}-2&type=read")
    def stored(name, kind):
        return [e["session"] for e in fleet.stack.events() if (e["bridge"], e["type"]) == (name, kind)]

    for name in DROPS:
        for kind in ("message.received", "message.read"):
            zk.wait_until(f"{kind} of {name} is stored", lambda n=name, k=kind: stored(n, k))
        known = [row["session"] for row in fleet.stack.cli_json("sessions", "--bridge", name)]
        assert stored(name, "message.received")[0] in known and stored(name, "message.read")[0] in known, name

    for name in set(DROPS) - NO_QR:
        made = fleet.stack.cli_json("session", "create", "shop1", "--bridge", name, WEBHOOK_URL=fleet.hook(name))[-1]["session"]

        def code(name=name, made=made):
            done = fleet.stack.cli("session", "qr", made, "--bridge", name, "--json")
            return [json.loads(line)["qr"] for line in done.stdout.splitlines()][-1:] if done.returncode == 0 else []

        zk.wait_until(f"the code of {name} is shown", lambda: code() and code()[0], step=0.2)
    pair_by_phone(fleet)


# Another place than the one that webhook-ingest has; the check repairs it where the bridge shows it and has a call for it.
ELSEWHERE = {
    "waha": ("PUT", "/api/sessions/{id}", {"config": {"webhooks": [{"url": "http://127.0.0.1:9/", "events": ["message"]}]}}),
    "evolution": ("POST", "/webhook/set/{id}", {"webhook": {"enabled": True, "url": "http://127.0.0.1:9/", "events": []}}),
    "openwa": ("POST", "/api/sessions/{id}/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]}),
    "wuzapi": ("PUT", "/webhook", {"webhook": "http://127.0.0.1:9/", "events": ["All"], "active": True}),
    "gowa": ("PATCH", "/devices/{id}/webhook", {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "", "webhook_events": ""}),
}


@pytest.mark.parametrize("dialect", ELSEWHERE)
def test_a_subscription_that_leads_elsewhere_is_set_again(make_stack, dialect):
    stack = make_stack(WHATSAPP_BRIDGE=dialect)
    stack.env["WEBHOOK_URL"] = f"http://zapkeep:{stack.token}@127.0.0.1:{stack.ports['ingest']}/api/v1/messages/webhook"
    stack.all(dialect, "--sessions", "1", "--pace", "1", "--reconnect-delay", "50ms")
    session = zk.wait_until("it is known", lambda: [row["session"] for row in stack.cli_json("sessions")])[0]
    method, path, body = ELSEWHERE[dialect]
    keys = {"X-Api-Key": stack.key, "apikey": stack.key, "token": "token-of-demo-1", "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(stack.key.encode()).decode()}
    status, _, answer = zk.http(method, f"http://127.0.0.1:{stack.ports['api']}{path.format(id=session)}", json.dumps(body), keys, 20)
    assert status in (200, 201), answer
    check = stack.cli("bridge", "check", "--repair", "--json")
    rows = [json.loads(line) for line in check.stdout.splitlines()]
    assert [(row["session"], row["repair"]) for row in rows] == [(session, "it was set again")], check.stdout + check.stderr
    assert stack.cli("bridge", "check").returncode == 0
    stack.control("POST", "/pair?session=demo-1")
    stack.control("POST", "/messages?session=demo-1")
    zk.wait_until("its webhooks arrive", lambda: any(e["type"] == "message.received" for e in stack.events()))


@pytest.mark.parametrize("dialect", DROPS)
def test_doctor_finds_nothing_bad_at_this_bridge(make_stack, dialect):
    stack = make_stack(WHATSAPP_BRIDGE=dialect)
    stack.all(dialect, "--sessions", "1", "--pace", "5", "--rate", "5")
    rows = [json.loads(line) for line in stack.cli("doctor", "--json").stdout.splitlines()]
    bad = [row for row in rows if row["level"] == "bad"]
    assert len(rows) > 10 and bad == []
