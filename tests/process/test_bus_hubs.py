"""Two hubs that all programs dial: either may be dead, and nothing needs any of them."""

import os

import zk
from zk import wait_until, webhook


def addresses(stack, n):
    return {f"ZAPKEEP_BUS_{end}": f"ipc://{stack.data}/hub{n}-{end.lower()}.sock" for end in ("IN", "OUT", "FEED")}


def both(stack):
    one, two = addresses(stack, 1), addresses(stack, 2)
    return {name: f"{one[name]},{two[name]}" for name in one}


def hub(stack, n):
    p = stack.start(f"hub{n}", "zapkeep-hub", "--admin-listen", f"127.0.0.1:{stack.ports['hub'] if n == 1 else stack.ports['forward']}", **addresses(stack, n))
    wait_until("the hub listens", lambda: os.path.exists(f"{stack.data}/hub{n}-out.sock"), needs=p)
    return p


def peers(stack, port, kind):
    text = zk.http("GET", f"http://127.0.0.1:{stack.ports[port]}/metrics")[2].decode()
    return [int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("zapkeep_hub_peers{") and kind in line]


def ids(tap):
    return [m["message_id"] for m in tap.json() if m.get("message_id")]


def tap(stack, name, **env):
    p = stack.start(name, "zapkeep", "tap", "--json", "log.head", "message.", **env)
    wait_until("the tap is connected", lambda: p.json(), needs=p)
    return p


def test_either_of_two_hubs_may_be_dead_and_so_may_both(stack, make_backend):
    backend = make_backend()
    first = hub(stack, 1)
    second = hub(stack, 2)
    stack.env.update(both(stack), BACKEND_URL=backend.url)
    stack.ingest()
    of_both, of_second = tap(stack, "tap-both"), tap(stack, "tap-second", **addresses(stack, 2))
    wait_until("ingest and the tap have dialled both", lambda: [peers(stack, p, k) for p in ("hub", "forward") for k in ("publish", "subscribe")] == [[1], [1], [1], [2]])
    stack.sim("contract", "--sessions", "2")
    stack.monitor()
    stack.worker()
    stack.start("forward", "zapkeep-forward", "--admin-listen", "off", FORWARD_FROM="beginning")
    for n in range(5):
        assert stack.post(webhook("s", message_id=f"A{n}"))[0] == 200
    wait_until("both taps have them", lambda: len(ids(of_both)) >= 5 and len(ids(of_second)) >= 5)

    first.kill()
    for n in range(5):
        assert stack.post(webhook("s", message_id=f"B{n}"))[0] == 200
    wait_until("they come by the second", lambda: len(ids(of_both)) >= 10 and len(ids(of_second)) >= 10)
    hub(stack, 1)
    second.kill()
    sent = [*(f"A{n}" for n in range(5)), *(f"B{n}" for n in range(5))]
    assert ids(of_both) == sent  # each once, though each hub has passed the first five on

    def comes():
        """Until all have dialled the first again, what is sent is lost to the taps."""
        sent.append(f"C{len(sent)}")
        assert stack.post(webhook("s", message_id=sent[-1]))[0] == 200
        return any(i.startswith("C") for i in ids(of_both))

    wait_until("they come by the first, which is back", comes)

    stack.processes["hub1"].kill()
    assert stack.post(webhook("s", message_id="D"))[0] == 200
    stack.control("POST", "/drop?share=1&code=428")
    wait_until("it is delivered", lambda: "D" in {d.message_id for d in backend.all()})
    wait_until("the sessions are connected again", lambda: set(stack.state()["sessions"].values()) == {"connected"} and
               len(stack.control("GET", "/calls")) >= 2)
    assert [d.message_id for d in backend.all(lambda d: d.session == "s")] == [*sent, "D"]


def test_a_hub_itself_listens_on_one_address(stack):
    done = stack.start("hub", "zapkeep-hub", "--admin-listen", "off", **both(stack))
    assert done.popen.wait(zk.PATIENCE) == 2 and "names several hubs" in done.text()
