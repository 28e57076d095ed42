"""A dump made and put back by the commands that zapkeep prints, word for word: the stack goes on from it, and no id is given twice."""

import json
import os
import subprocess

import zk
from forwarding import post_events
from on_postgres import stack  # noqa: F401 (a fixture)
from test_postgres import Sender
from zk import webhook

SESSIONS = ("a", "b", "c")


def printed(stack, *command):  # noqa: F811
    """The indented lines."""
    done = stack.cli(*command)
    assert done.returncode == 2, done
    return [line.strip() for line in done.stderr.splitlines() if line.startswith("    ")]


def run(stack, line, uri):  # noqa: F811
    env = {**stack.env, "ZAPKEEP_STORE": uri, "PATH": f"{os.path.abspath(zk.BIN)}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", line], cwd=stack.dir, env=env, capture_output=True, text=True)


def ids(stack, **env):  # noqa: F811
    return {e["seq"]: e["id"] for e in stack.cli_json("events", "--limit", "0", **env)}


def test_a_dump_of_a_live_stack_is_put_back_by_the_printed_commands_and_the_stack_goes_on(server, stack, make_stack, make_backend, request):  # noqa: F811
    backend = make_backend()
    stack.env["BACKEND_URL"] = backend.url
    stack.sim("contract", "--sessions", "1")
    stack.ingest()
    stack.monitor()
    stack.forward()
    old = post_events(stack, 12, SESSIONS)
    repeated = webhook("a", message_id="repeated")
    assert stack.post(repeated)[0] == 200
    zk.wait_until("all is delivered, and that is stored", lambda: server.sql(
        "SELECT d.floor >= h.seq FROM zapkeep_forward.destination d, zapkeep_events.log_head h", stack.database) == "t")
    sender = Sender(stack, "s")
    sender.start()
    zk.wait_until("webhooks come", lambda: len(sender.taken) > 3)
    seen = len(backend.all())
    (dump,) = printed(stack, "backup", "anywhere")
    done = run(stack, dump, stack.env["ZAPKEEP_STORE"])
    assert done.returncode == 0, done
    zk.wait_until("more come", lambda n=len(sender.taken): len(sender.taken) > n + 3)
    sender.end()
    after_dump = ids(stack)
    for name in ("ingest", "monitor", "forward"):
        assert stack.processes[name].stop() == 0

    name, uri = server.create_for(request.node.name + " restored")
    *restore, status = printed(stack, "restore", "anywhere")

    def put_back():
        for line in restore:
            done = run(stack, line, uri)
            assert done.returncode == 0, done

    put_back()
    shown = run(stack, status, uri)
    assert "schema  " in shown.stdout and "there are no tables" not in shown.stdout and "role forward" in shown.stdout, shown
    copied = ids(stack, ZAPKEEP_STORE=uri)
    head = max(copied)
    assert sorted(copied) == list(range(1, head + 1)) and copied == {seq: after_dump[seq] for seq in copied} and head < max(after_dump)
    stack.env["ZAPKEEP_STORE"] = uri
    stack.forward()  # before the ingest: it is not to take the ids of the old log for the new events
    stack.monitor()
    stack.ingest()
    assert stack.post(repeated)[0] == 200, "a repeat is known"
    new = post_events(stack, 6, SESSIONS, prefix="N")
    assert new[0] > head and new == list(range(new[0], new[0] + 6))
    zk.wait_until("the new ones are delivered", lambda: {f"N{i}" for i in range(6)} <= {d.message_id for d in backend.taken()})
    now = ids(stack)
    assert {seq: now[seq] for seq in copied} == copied
    assert not {now[seq] for seq in now if seq > head} & set(after_dump.values()), "no id is given a second time"
    delivered = {d.message_id: d.id for d in backend.taken() if (d.message_id or "").startswith("N")}
    assert {delivered[f"N{i}"] for i in range(6)} == {now[seq] for seq in new}
    assert not {d.seq for d in backend.all()[seen:]} & set(old), "deliveries that the dump knows of are not repeated"
    assert set(copied) <= {d.seq for d in backend.taken()}
    doctor = {f["check"]: f["level"] for f in map(json.loads, stack.cli("doctor", "--no-probe", "--json").stdout.splitlines())}
    assert all(doctor[check] == "ok" for check in ("state", "log", "roles", "monitor")), doctor

    for name in ("ingest", "monitor", "forward"):
        stack.processes[name].stop()
    put_back()  # in place of what is there
    assert set(ids(stack)) == set(copied)
    stack.ingest()
    last = post_events(stack, 1, SESSIONS, prefix="L")
    assert last == [head + 1] and ids(stack)[head + 1] not in {*after_dump.values(), *now.values()}
