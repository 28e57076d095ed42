"""Starting, running idle and stopping: any order, one clear line and the right exit code for every fault, little memory,
nothing left behind."""

import os
import socket
import time

import pytest

import zk

PROGRAMS = {"hub": "zapkeep-hub", "ingest": "zapkeep-ingest", "monitor": "zapkeep-monitor", "worker": "zapkeep-reconnect"}


def ends_with(p, code, *words):
    """It ends with this exit code and one line that has all the words."""
    assert p.popen.wait(zk.PATIENCE) == code, p.text()
    lines = p.text().splitlines()
    assert len(lines) == 1, lines
    assert all(w in lines[0] for w in words), lines[0]


def start(stack, name, *args, **env):
    return stack.start(name, PROGRAMS[name], *args, **env)


def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen()
    return s


# ---- faults at the start --------------------------------------------------------------------------------------


@pytest.mark.no_store
@pytest.mark.parametrize("name, setting, value", [
    ("hub", "ZAPKEEP_ADMIN_LISTEN", "nowhere:port"),
    ("hub", "ZAPKEEP_LOG", "loud"),
    ("hub", "ZAPKEEP_BUS_IN", "http//x"),
    ("hub", "ZAPKEEP_BUS_OUT", "tcp://127.0.0.1"),
    ("ingest", "ZAPKEEP_INGEST_LISTEN", "127.0.0.1:99999"),
    ("ingest", "ZAPKEEP_INGEST_LISTEN", "off"),
    ("ingest", "WHATSAPP_BRIDGE_NAME", "a/b"),
    ("monitor", "ZAPKEEP_BUS_OUT", "nowhere"),
    ("worker", "ZAPKEEP_BUS_OUT", "tcp://:x"),
    ("worker", "WHATSAPP_BRIDGE_NAME", "a b"),
    ("ingest", "ZAPKEEP_RETENTION_AGE", "-1d"),
    ("monitor", "CHECK_INTERVAL", "0"),
    ("monitor", "WHATSAPP_API_URL", "ftp://bridge"),
    ("monitor", "WHATSAPP_API_URL", ""),
    ("monitor", "WHATSAPP_BRIDGE", "telegram"),
    ("worker", "RECONNECT_INTERVAL", "soon"),
    ("worker", "RECONNECT_RATE", "-2/s"),
    ("worker", "WHATSAPP_API_URL", "http://"),
    ("worker", "RECONNECT_HOOK", "exec:relative/path"),
])
def test_a_setting_that_makes_no_sense(stack, name, setting, value):
    p = start(stack, name, **{setting: value})
    ends_with(p, 2, PROGRAMS[name], setting, value)


@pytest.mark.no_store
def test_a_setting_of_the_cli_that_makes_no_sense(stack):
    done = stack.cli("events", "--limit", "many")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "many" in done.stderr
    done = stack.cli("tap", ZAPKEEP_BUS_OUT="nowhere")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "ZAPKEEP_BUS_OUT" in done.stderr


@pytest.mark.no_store
@pytest.mark.parametrize("name", ["ingest", "monitor", "worker"])
def test_a_data_directory_that_cannot_be_written(stack, name):
    path = os.path.join(stack.logs, "a-file", "data")  # also root cannot make a folder in a file
    open(os.path.dirname(path), "w").close()
    ends_with(start(stack, name, ZAPKEEP_DATA_DIR=path), 3, PROGRAMS[name], "ZAPKEEP_DATA_DIR", path)


@pytest.mark.parametrize("name, port, args", [
    ("hub", "api", ("--admin-listen", "off", "--bus-open", "--bus-in", "tcp://127.0.0.1:{api}")),
    ("hub", "hub", ("--admin-listen", "127.0.0.1:{hub}")), ("ingest", "ingest", ()),
    ("monitor", "monitor", ("--admin-listen", "127.0.0.1:{monitor}")),
    ("worker", "monitor", ("--admin-listen", "127.0.0.1:{monitor}")),
])
def test_a_port_in_use(stack, name, port, args):
    with listen(stack.ports[port]):
        p = start(stack, name, *(a.format(**stack.ports) for a in args))
        ends_with(p, 3, PROGRAMS[name], str(stack.ports[port]))


@pytest.mark.files
def test_a_second_ingest_on_the_same_log(stack):
    stack.ingest()
    p = stack.start("second", "zapkeep-ingest", ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{zk.free_port()}")
    ends_with(p, 3, "zapkeep-ingest", "events")
    assert stack.get_ingest("/ready")[0] == 200, "the first goes on"


def test_a_refused_key_is_told_and_waited_out(stack):
    """The services stay: the key may be right again after the bridge was set right. A command gets the exit code."""
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--sessions", "1")
    monitor = stack.monitor(WHATSAPP_API_KEY="wrong")

    def errors():
        return [line for line in monitor.text().splitlines() if " error " in line]

    zk.wait_until("it says so", errors)
    time.sleep(2.5)
    assert len(errors()) == 1 and "WHATSAPP_API_KEY" in errors()[0], errors()
    assert monitor.running()
    done = stack.cli("wait", "--timeout", "1s")
    assert done.returncode in (1, 3) and len(done.stderr.splitlines()) == 1
    assert stack.cli("session", "create", "x", WHATSAPP_API_KEY="wrong").returncode in (1, 3)


def test_a_bridge_url_where_nobody_answers(stack):
    stack.hub()
    stack.ingest()
    monitor = stack.monitor()
    line = zk.wait_until("it says so", lambda: [x for x in monitor.text().splitlines() if " error " in x or " warn " in x])[0]
    assert "bridge" in line
    done = stack.cli("session", "create", "x")
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1
    stack.sim("contract", "--sessions", "1")
    stack.wait_session("demo-1", "connected")
    assert monitor.running()


# ---- any order ------------------------------------------------------------------------------------------------


ORDERS = [("worker", "monitor", "sim", "ingest", "hub"), ("sim", "worker", "hub", "monitor", "ingest"),
          ("monitor", "worker", "ingest", "sim", "hub")]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(order))
def test_any_order_of_starting_ends_in_a_working_stack_and_all_stop(stack, order):
    stack.env.update(CHECK_INTERVAL="500ms", CHECK_SOON="100ms", CHECK_INCIDENT="300ms")
    make = {"hub": stack.hub, "ingest": stack.ingest, "monitor": stack.monitor, "worker": stack.worker,
            "sim": lambda: stack.sim("contract", "--sessions", "2", "--rate", "20", "--webhook-retry-attempts", "0")}
    for name in order:
        make[name]()
        time.sleep(0.3)
    stack.cli("wait", "--timeout", "50s", check=True)
    tap = stack.tap("message.")
    stack.control("POST", "/drop?session=demo-1")
    zk.wait_until("it is back", lambda: stack.state()["sessions"]["demo-1"] == "connected")
    zk.wait_until("messages are heard", lambda: [m for m in tap.json() if m["type"] == "message.received"])
    stack.control("POST", "/traffic?rate=0")
    zk.wait_until("every webhook is taken", lambda: stack.state()["waiting"] == 0)
    assert stack.acknowledged() == stack.stored()
    codes = stack.stop_all()
    assert set(codes.values()) == {0}, codes
    stack.check_leftovers()


# ---- idle -----------------------------------------------------------------------------------------------------


@pytest.mark.release
def test_each_idle_service_is_small(stack):
    stack.env.update(CHECK_INTERVAL="5s")
    stack.all("contract", "--sessions", "10")
    names = ["hub", "ingest", "monitor", "worker-1"]
    stack.control("POST", "/messages?session=demo-1&n=200")
    stack.control("POST", "/drop?session=demo-1")
    zk.wait_until("it is back", lambda: stack.state()["sessions"]["demo-1"] == "connected")

    def memory():
        return {name: stack.processes[name].rss_kib() / 1024 for name in names}

    zk.wait_until("each is under 12 MiB", lambda: max(memory().values()) < 12, 40)
    time.sleep(3)  # it stays so
    assert max(memory().values()) < 12, memory()
