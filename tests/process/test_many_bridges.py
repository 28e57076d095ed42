"""One stack with several bridges (ZAPKEEP_BRIDGES): each with its own settings; one that hangs delays no other."""

import json
import signal

import pytest
import secrets_watch
import zk
from test_console_api import Console
from test_dialect_stack import Fleet

HEAD = """[bridge {name}]
type = contract
url = http://127.0.0.1:{port}
key = {key}
webhook_token = {token}
"""


class Bridges:
    """Simulated bridges beside one stack."""

    def __init__(self, stack, names):
        self.stack = stack
        self.names = list(names)
        self.port = {n: (zk.free_port(), zk.free_port()) for n in names}
        self.more = dict.fromkeys(names, "")
        stack.env.pop("WHATSAPP_API_URL")
        stack.env.pop("WHATSAPP_API_KEY")
        stack.env["ZAPKEEP_BRIDGES"] = self.write()

    def token(self, name):
        return secrets_watch.mark(f"the webhook token of {name}", f"hook-of-{name}-5d20c4be")

    def key(self, name):
        return secrets_watch.mark(f"the key of {name}", f"key-of-{name}-e81f6a07")

    def section(self, name):
        return HEAD.format(name=name, port=self.port[name][0], key=self.key(name), token=self.token(name)) + self.more[name]

    def write(self, names=None):
        return self.stack.file("bridges.conf", "\n".join(self.section(n) for n in names or self.names))

    def start(self, name, *args):
        api, control = self.port[name]
        p = self.stack.start(f"sim-{name}", "zapkeep-bridge-sim", "--dialect", "contract", "--port", str(api),
                             "--control-port", str(control), *args, API_KEY=self.key(name),
                             WEBHOOK_URL=f"http://127.0.0.1:{self.stack.ports['ingest']}/webhook/{name}",
                             WEBHOOK_AUTH_TOKEN=self.token(name))
        zk.wait_until("the simulated bridge answers", lambda: self.control(name, "GET", "/state", check=False), needs=p)

    def control(self, name, method, path, check=True):
        status, _, body = zk.http(method, f"http://127.0.0.1:{self.port[name][1]}{path}")
        assert not check or status == 200, f"{method} {path}: {status} {body!r}"
        return body if status == 200 else None

    def metric(self, text):
        _, _, body = zk.http("GET", f"http://127.0.0.1:{self.stack.ports['monitor']}/metrics")
        return next((float(line.rsplit(" ", 1)[1]) for line in body.decode().splitlines() if line.startswith(text + " ")),
                    None)

    def connected(self, name):
        return self.metric(f'zapkeep_sessions{{bridge="{name}",state="connected"}}')

    def reload(self, *processes):
        for p in processes:
            p.popen.send_signal(signal.SIGHUP)


@pytest.fixture
def two(stack):
    return Bridges(stack, ["sales", "support"])


def test_the_file_is_read_anew(stack, two):
    """A bridge comes and goes by SIGHUP; an error changes nothing and says where; the other bridge is not disturbed."""
    for name, n in (("sales", 3), ("support", 2)):
        two.start(name, "--sessions", str(n))
    two.write(["sales"])
    monitor = stack.monitor()
    zk.wait_until("sales is watched", lambda: two.connected("sales") == 3, needs=monitor)
    assert two.connected("support") is None
    sweeps = two.metric('zapkeep_sweeps_total{bridge="sales",end="good"}')

    two.more["support"] = "check_interval = often\n"
    two.write()
    two.reload(monitor)
    zk.wait_until("the error is named", lambda: "bridges.conf:12:18: check_interval is" in monitor.text())
    two.more["support"] = ""
    two.write()
    two.reload(monitor)
    zk.wait_until("support is watched", lambda: two.connected("support") == 2)
    stack.processes["sim-sales"].kill()
    zk.wait_until("sales is down", lambda: alert_changes(stack, "bridge-down", "sales") == [1])
    two.write(["support"])
    two.reload(monitor)
    zk.wait_until("sales is not watched", lambda: two.connected("sales") is None)
    zk.wait_until("its alert has ended in the list of before, too", lambda: alert_changes(stack, "bridge-down", "sales") == [1, 0])
    assert two.connected("support") == 2 and sweeps >= 1
    assert "reload-refused" in monitor.text() and monitor.running()


def test_each_bridge_is_reconnected_by_its_own_rules(stack, two):
    """One worker for all: the key, the policy and the queue of each bridge are its own; one that hangs delays no other."""
    for name in two.names:
        two.start(name)
        two.control(name, "POST", f"/sessions?n=3&prefix={name}-")  # of one id would be of one phone
    two.more["support"] = "reconnect_grace = 1h\n"
    two.write()
    stack.hub()
    monitor, worker = stack.monitor(), stack.worker()
    for name in two.names:
        zk.wait_until(f"{name} is watched", lambda name=name: two.connected(name) == 3, needs=monitor)
    for name in two.names:
        two.control(name, "POST", f"/drop?session={name}-1&code=428")
    zk.wait_until("it is back by a call", lambda: "sales-1" in two.control("sales", "GET", "/calls").decode())
    zk.wait_until("it is back", lambda: two.connected("sales") == 3)
    assert two.connected("support") == 2
    assert two.control("support", "GET", "/calls") .strip() == b"[]"
    # A bridge that hangs: the other's session is back within the usual time.
    two.control("support", "POST", "/fault?kind=hang")
    zk.wait_until("support is down", lambda: two.metric('zapkeep_bridge_up{bridge="support"}') == 0)
    two.control("sales", "POST", "/drop?session=sales-2&code=428")
    zk.wait_until("it is back", lambda: "sales-2" in two.control("sales", "GET", "/calls").decode(), 25)  # less than a call hangs
    assert worker.running()


def test_webhooks_of_each_bridge(stack, two):
    """POST /webhook/<bridge> takes that bridge's token alone; a name that is not in the file is refused."""
    ingest = stack.ingest()
    body = {"event": "message.received", "sessionId": "s1", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": "M1"}}

    def post(name, token):
        return stack.post(json.dumps(body), f"/webhook/{name}", {"Authorization": f"Bearer {token}"}, token=False)[0]

    assert post("sales", two.token("sales")) == 200 and post("support", two.token("support")) == 200
    assert post("sales", two.token("support")) == 401 and post("main", two.token("sales")) == 404
    two.write(["support"])
    two.reload(ingest)
    zk.wait_until("sales is gone", lambda: post("sales", two.token("sales")) == 404)
    assert [(e["bridge"], e["session"]) for e in stack.events()] == [("sales", "s1"), ("support", "s1")]
    assert [e["bridge"] for e in stack.events("--bridge", "support")] == ["support"]
    tapped = stack.cli_json("tap", "--from", "1", "--count", "1", "--timeout", "10s", "--bridge", "support")
    assert [e["bridge"] for e in tapped] == ["support"]


def alert_changes(stack, name, bridge):
    return [row[0] for row in stack.sql("state", f"SELECT firing FROM alert_change WHERE name = '{name}' AND bridge = '{bridge}' ORDER BY n")]


def test_the_cli_names_a_bridge(stack, two):
    """ID where it is unique, else BRIDGE/ID or --bridge; `zapkeep bridges` shows all, also one that is not configured."""
    two.start("sales", "--sessions", "2")
    two.start("support", "--sessions", "1")
    monitor = stack.monitor()
    zk.wait_until("both are watched", lambda: two.connected("sales") == 2 and two.connected("support") == 1, needs=monitor)

    rows = {r["bridge"]: r for r in stack.cli_json("bridges")}
    assert rows["sales"]["connected"] == 2 and rows["support"]["health"] == "up" and rows["sales"]["configured"]
    assert len(stack.cli_json("sessions")) == 3 and len(stack.cli_json("sessions", "--bridge", "sales")) == 2
    listed = sorted(line.split()[0] for line in stack.cli("sessions").stdout.splitlines() if "/demo-" in line)
    assert listed == ["sales/demo-1", "sales/demo-2", "support/demo-1"] and "/demo-" not in stack.cli("sessions", "--bridge", "sales").stdout
    assert stack.cli_json("session", "show", "demo-2")[0]["bridge"] == "sales"  # unique
    done = stack.cli("session", "show", "demo-1")
    assert done.returncode == 2 and "sales/demo-1, support/demo-1" in done.stderr
    assert stack.cli_json("session", "show", "support/demo-1")[0]["bridge"] == "support"
    assert stack.cli_json("session", "park", "demo-1", "--bridge", "sales")[0]["bridge"] == "sales"
    assert "no session nobody on any bridge" in stack.cli("session", "show", "nobody").stderr
    assert "there is no bridge elsewhere" in stack.cli("sessions", "--bridge", "elsewhere").stderr
    stack.cli("session", "pair", "support/demo-9", "--json", check=False)
    assert "demo-9" in two.control("support", "GET", "/state").decode()

    two.write(["support"])
    two.reload(monitor)
    zk.wait_until("sales is not watched", lambda: two.connected("sales") is None)
    assert not next(r for r in stack.cli_json("bridges") if r["bridge"] == "sales")["configured"]
    why = stack.cli_json("session", "show", "sales/demo-2")[0]["next"]
    assert why["why_not_sooner"] == "not-configured"
    assert "is not configured" in stack.cli("status").stdout


def test_the_next_step_names_the_bridge(stack, two):
    """A command that zapkeep suggests works as it stands, also where two bridges have a session of that id."""
    for name in two.names:
        two.start(name, "--sessions", "1")
    stack.ingest()
    monitor = stack.monitor()
    for name in two.names:
        zk.wait_until(f"{name} is watched", lambda name=name: two.connected(name) == 1, needs=monitor)
    two.control("support", "POST", "/drop?session=demo-1&code=401")
    zk.wait_until("the next step names the bridge", lambda: "run `zapkeep session pair support/demo-1`" in " ".join(stack.cli("status").stdout.split()))
    assert stack.cli_json("session", "show", "support/demo-1")[0]["next"]["to_do"].endswith("run `zapkeep session pair support/demo-1`")
    refused = stack.cli("session", "reconnect", "support/demo-1").stderr
    assert "zapkeep session pair support/demo-1" in refused and "create" not in refused  # one next step, not two
    assert "zapkeep session pair support/nobody" in stack.cli("session", "qr", "support/nobody").stderr


def test_one_phone_on_two_bridges(stack, two):
    """Told with both names; the one that is down is parked, not reconnected against the other."""
    for name in two.names:
        two.start(name, "--sessions", "1")  # a session of one id has one phone on both
    two.more["support"] = "reconnect_grace = 20s\n"  # more than a sweep
    two.write()
    monitor = stack.monitor()
    stack.worker()
    zk.wait_until("the alert is raised", lambda: "bridge-two-owners" in stack.cli("status").stdout, needs=monitor)
    text = " ".join(stack.cli("status").stdout.split())
    assert "demo-1, and session demo-1 on bridge support" in text
    two.control("support", "POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it is parked", lambda: stack.cli_json("session", "show", "support/demo-1")[0]["next"]["why_not_sooner"] == "parked")
    assert two.control("support", "GET", "/calls").strip() == b"[]"


def test_webhooks_that_reach_nobody_name_their_bridge(stack, two):
    """A path with a wrong name, a bridge that is not configured any more, a wrong token: each is an alert of that bridge alone."""
    for name in two.names:
        two.start(name)
        two.control(name, "POST", f"/sessions?n=1&prefix={name}-")
    ingest, monitor = stack.ingest(WEBHOOKS_ALERT_AFTER="1s"), stack.monitor()
    for name in two.names:
        zk.wait_until(f"{name} is watched", lambda name=name: two.connected(name) == 1, needs=monitor)

    def post(name, token):
        return stack.post(zk.webhook(f"{name}-1"), f"/webhook/{name}", {"Authorization": f"Bearer {token}"}, token=False)[0]

    def shown():
        return " ".join(stack.cli("status").stdout.split())

    assert post("salse", two.token("sales")) == 404
    zk.wait_until("the name is an alert", lambda: "alert webhooks-unwatched: bridge salse" in shown())
    assert post("invented", "a-stranger-s-token") == 404  # anybody may invent names
    zk.wait_until("support's are refused", lambda: post("support", two.token("sales")) == 401 and
                  "alert webhooks-refused: bridge support" in shown(), step=0.3)
    assert "invented" not in shown() and shown().count("alert webhooks-") == 2, shown()
    assert [a["alert"] for row in stack.cli_json("status") for a in row["alerts"] if row["bridge"] == "sales"] == []

    assert post("support", two.token("support")) == 200  # it sends webhooks with a token of ours, and goes on when nobody watches it
    two.write(["sales"])
    two.reload(ingest, monitor)
    zk.wait_until("support is nobody's", lambda: "alert webhooks-unwatched: bridge support" in shown())
    two.write()
    two.reload(ingest, monitor)
    zk.wait_until("support is watched again", lambda: two.connected("support") == 1)
    assert post("support", two.token("support")) == 200
    zk.wait_until("it is over", lambda: "alert webhooks-unwatched: bridge support" not in shown() and "webhooks-refused" not in shown())


def test_neither_many_bridges_nor_strangers_hide_one_whose_webhooks_are_refused(stack):
    """Others have webhooks taken, and somebody without a token invents names, all the time."""
    many = Bridges(stack, [f"b{i}" for i in range(40)])
    stack.ingest(WEBHOOKS_ALERT_AFTER="500ms")
    stack.monitor()  # its bridges do not answer, and are known
    zk.wait_until("all are known", lambda: len(stack.cli_json("bridges")) == 40)

    def post(name, token):
        return stack.post(zk.webhook(), f"/webhook/{name}", {"Authorization": f"Bearer {token}"}, token=False)[0]

    def a_pass():
        assert post("b0", "wrong") == 401
        assert {post(name, many.token(name)) for name in many.names[1:]} == {200}
        assert {post(f"invented-{i}", "wrong") for i in range(40)} == {404}
        return "webhooks-refused" in stack.processes["ingest"].text()

    zk.wait_until("b0 is an alert", a_pass)
    assert [row["bridge"] for row in stack.cli_json("status") for alert in row["alerts"] if alert["alert"] == "webhooks-refused"] == ["b0"]


def test_the_console_tells_sessions_of_one_id_apart(stack, two):
    """The same ids on two bridges: each has its own row, state, timeline, events, park, replay and pairing."""
    for name in two.names:
        two.start(name)
        two.control(name, "POST", "/sessions?n=2&prefix=shop-")
    stack.hub()
    stack.ingest()
    monitor = stack.monitor()
    for name in two.names:
        zk.wait_until(f"{name} is watched", lambda name=name: two.connected(name) == 2, needs=monitor)
    console = Console(stack)
    assert console.login()[0] == 200

    def rows(query=""):
        return {(r["bridge"], r["session"]): r for r in console.get(f"/sessions?q=shop-1{query}")[2]["rows"]}
    zk.wait_until("both rows are there", lambda: set(rows()) == {("sales", "shop-1"), ("support", "shop-1")})
    assert set(rows("&bridge=support")) == {("support", "shop-1")}
    two.control("support", "POST", "/drop?session=shop-1&code=401")
    zk.wait_until("the one of support is logged out", lambda: rows()[("support", "shop-1")]["state"] == "logged_out")
    assert rows()[("sales", "shop-1")]["state"] == "connected"
    done = console.post("/sessions/actions", {"action": "park", "sessions": [{"bridge": "sales", "session": "shop-2"}]})[2]
    assert (done["done"], done["refused"]) == (1, 0)

    def kinds(bridge, session, kind):
        return [i for i in console.get(f"/sessions/{bridge}/{session}/timeline")[2]["items"] if i["kind"] == kind]
    assert [i["action"] for i in kinds("sales", "shop-2", "operator")] == ["session.park"] and not kinds("support", "shop-2", "operator")
    parked = {(r["bridge"], r["session"]) for r in console.get("/sessions?state=parked")[2]["rows"]}
    assert parked == {("sales", "shop-2")}
    for name in two.names:
        body = zk.webhook("shop-1", message_id=f"only-{name}")
        assert zk.http("POST", f"http://127.0.0.1:{stack.ports['ingest']}/webhook/{name}", body,
                       {"Content-Type": "application/json", "Authorization": f"Bearer {two.token(name)}"})[0] == 200
    ids = [r["message_id"] for r in console.get("/events?bridge=support&session=shop-1&type=message.")[2]["rows"]]
    assert ids == ["only-support"]
    count = {"dry_run": True, "type": "message.", "from_seq": 1}
    assert console.post("/delivery/replay", {**count, "sessions": ["shop-1"]})[2]["matched"] == 2
    assert console.post("/delivery/replay", {**count, "sessions": ["sales/shop-1"]})[2]["matched"] == 1
    shown = {b["bridge"]: {s["name"]: s["value"] for s in b["settings"]} for b in console.get("/bridges")[2]["bridges"]}
    assert {n: s["WHATSAPP_API_URL"] for n, s in shown.items()} == {n: f"http://127.0.0.1:{two.port[n][0]}" for n in two.names}
    pairing = console.post("/pairings", {"bridge": "support", "session": "shop-new"})[2]
    zk.wait_until("its code is there", lambda: console.get(f"/pairings/{pairing['id']}")[2]["step"] == "code")
    assert b"shop-new" in two.control("support", "GET", "/state") and b"shop-new" not in two.control("sales", "GET", "/state")


def test_dead_letters_are_those_of_a_bridge(two, make_backend):
    """List, count, retry and drop heed the bridge: by the command line and by the console."""
    stack = two.stack
    backend = make_backend(lambda d: 400)
    stack.ingest()
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s")
    for name, n in (("sales", 1), ("support", 2)):
        for i in range(n):
            assert zk.http("POST", f"http://127.0.0.1:{stack.ports['ingest']}/webhook/{name}", zk.webhook("shop-1", message_id=f"{name}{i}"),
                           {"Content-Type": "application/json", "Authorization": f"Bearer {two.token(name)}"})[0] == 200

    def dead(*args):
        return [d["bridge"] for d in stack.cli_json("forward", "dead", "list", *args)]
    zk.wait_until("all are given up", lambda: len(dead()) == 3)
    assert dead("--bridge", "support") == ["support"] * 2
    console = Console(stack)
    assert console.login()[0] == 200
    page = console.get("/delivery/dead?bridge=support")[2]
    assert page["total"] == 2 and {r["bridge"] for r in page["rows"]} == {"support"}
    answer = console.post("/delivery/actions", {"action": "dead_drop", "filter": {"bridge": "support"}})[2]
    assert answer["result"] == "2 dead letters dropped" and dead() == ["sales"]
    assert stack.cli("forward", "dead", "drop", "--bridge", "sales", "--all").returncode == 2, "either some or all"
    assert stack.cli("forward", "dead", "drop", "--bridge", "sales").returncode == 0 and dead() == []


def test_three_kinds_of_bridges_one_hangs_and_one_is_at_fault(make_stack):
    """Each fault is an alert of its own bridge alone, and no other bridge, session or program waits for it."""
    stack = make_stack(RECONNECT_INTERVAL="2s", HEALTH_TIMEOUT="1s", REMOVED_AFTER="1h")
    three = Fleet(stack, ["contract", "waha", "evolution"])
    stack.hub()
    stack.ingest()
    for name in three.ports:
        three.start(name)
    stack.monitor()
    stack.worker()
    for name in three.ports:
        three.wait_states(name, ["connected"] * 2)

    def alerts():
        return {row["bridge"]: {(a["alert"], a.get("session", "")) for a in row["alerts"]} for row in stack.cli_json("status")}

    def drop(name, n, code):
        three.control(name, "POST", f"/drop?session={name}-{n}&code={code}")

    assert alerts() == {"contract": set(), "waha": set(), "evolution": set()}
    three.control("waha", "POST", "/fault?kind=hang")
    drop("evolution", 1, 401)
    zk.wait_until("each fault is an alert of its bridge", lambda: alerts() == {
        "contract": set(), "waha": {("bridge-down", "")}, "evolution": {("session-logged-out", "evolution-1")}})
    drop("contract", 1, 428)
    drop("evolution", 2, 0)
    zk.wait_until("both are called", lambda: "contract-1" in three.calls("contract") and "evolution-2" in three.calls("evolution"))
    three.wait_states("contract", ["connected"] * 2)
    three.wait_states("evolution", ["connected", "logged_out"])
    assert "evolution-1" not in three.calls("evolution") and three.calls("waha") == []
    for name in three.ports:  # also those of the bridge that does not answer
        assert stack.post(zk.webhook(f"{name}-1", message_id=f"of-{name}"), f"/webhook/{name}")[0] == 200
    text = stack.cli("status").stdout
    assert text.startswith("wrong     bridge waha is down") and "session pair evolution/evolution-1" in " ".join(text.split()), text
    assert {b["bridge"]: b["health"] for b in stack.cli_json("bridges")} == {"contract": "up", "waha": "down", "evolution": "up"}
    assert three.states("waha") == ["connected"] * 2
    three.control("waha", "POST", "/fault?kind=none")
    three.control("waha", "POST", "/sessions?n=1&prefix=waha-more-")
    zk.wait_until("the hanging one is back", lambda: alerts()["waha"] == set() and three.states("waha") == ["connected"] * 3)
    assert alerts()["evolution"] == {("session-logged-out", "evolution-1")} and alerts()["contract"] == set()
