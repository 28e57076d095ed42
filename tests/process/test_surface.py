"""The surface that people and tools rely on, as they meet it: the bus with its keys, and the output of the commands."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import on_postgres
from zk import BIN, ROOT, wait_until, webhook

COMMON = {"v", "id", "at", "type", "bridge", "session", "src"}
EVENT = COMMON | {"seq", "occurred_at", "message_id", "body"}


def unquote(line):
    """The bytes of one line of nngcat --quoted."""
    raw = line.strip()[1:-1]
    return raw.decode("latin-1").encode("latin-1").decode("unicode_escape").encode("latin-1")


def skip_bytes(data, at, n):
    return data[at:at + n], at + n


def unpack(data, at=0):
    """As much of msgpack as the bus uses: (value, where the next begins)."""
    b = data[at]
    at += 1
    if b < 0x80 or b >= 0xE0:
        return (b if b < 0x80 else b - 256), at
    if b < 0x90:
        out = {}
        for _ in range(b & 15):
            key, at = unpack(data, at)
            out[key], at = unpack(data, at)
        return out, at
    if 0xA0 <= b < 0xC0:
        text, at = skip_bytes(data, at, b & 31)
        return text.decode(), at
    width = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDE: 2}.get(b)
    if width:
        n, at = int.from_bytes(data[at:at + width], "big"), at + width
        if b == 0xDE:
            out = {}
            for _ in range(n):
                key, at = unpack(data, at)
                out[key], at = unpack(data, at)
            return out, at
        value, at = skip_bytes(data, at, n)
        return (value if b < 0xD0 else value.decode()), at
    n = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}[b]
    return int.from_bytes(data[at:at + n], "big", signed=b >= 0xD0), at + n


def heard(path):
    """{type: [map]} of what nngcat wrote."""
    out = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        topic, _, packed = unquote(line).partition(b"\0")
        message, end = unpack(packed)
        assert end == len(packed)
        type_, bridge, session = topic.decode().split("/")
        assert (message["type"], message["bridge"], message["session"]) == (type_, bridge, session)
        out.setdefault(type_, []).append(message)
    return out


def test_every_message_of_the_bus_has_the_keys_that_were_promised(stack, tmp_path):
    stack.env["RECONNECT_INTERVAL"] = "1s"
    stack.hub()
    stack.ingest()
    wait_until("the hub listens", lambda: os.path.exists(stack.bus["out"]))
    out = tmp_path / "heard"
    with open(out, "wb") as f:
        cat = subprocess.Popen(["nngcat", "--sub", "--dial", "ipc://" + stack.bus["out"], "--subscribe", "", "--quoted"],
                               stdout=f)
    try:
        wait_until("nngcat listens", lambda: b"log.head" in out.read_bytes())
        stack.sim("contract", "--list", "--sessions", "2", "--types", "received,sent,delivered,read", "--rate", "8")
        stack.monitor()
        stack.worker()
        stack.wait_session("demo-1", "connected")
        stack.control("POST", "/drop?session=demo-1")
        assert stack.post(json.dumps({"sessionId": "demo-2", "eventType": "something.new", "timestamp": 1}))[0] == 200
        wait_until("its return is published", lambda: "reconnect.succeeded" in heard(out))
        wait_until("every kind of message is published", lambda: "message.read" in heard(out))
    finally:
        cat.kill()
        cat.wait()
    told = heard(out)
    for type_, messages in told.items():
        for m in messages:
            assert COMMON <= set(m), m
            assert m["v"] == 1 and m["type"] == type_
            if type_.startswith("message."):
                assert EVENT <= set(m) and isinstance(m["body"], bytes) and m["message_id"], m
            elif m["src"] == "webhook-ingest" and type_ != "log.head":
                assert EVENT - {"occurred_at"} <= set(m), m
            elif type_ == "session.state":
                assert {"from", "to", "cause"} <= set(m), m
            elif type_.startswith("reconnect.") and type_ != "reconnect.due":
                assert {"attempt", "worker"} <= set(m), m
    assert {"attempt", "http_status", "took_ms", "worker"} <= set(told["reconnect.succeeded"][0])
    assert {"message.received", "message.sent", "message.delivered", "message.read", "session.connected",
            "session.disconnected", "event.other", "log.head", "bridge.up", "session.state", "reconnect.due",
            "reconnect.started"} <= set(told)


def test_commands_answer_in_json_where_it_is_asked_for(stack):
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--list", "--sessions", "2")
    stack.monitor()
    assert stack.cli_json("wait") == [{"ready": True, "missing": ""}]
    stack.wait_session("demo-1", "connected")
    assert stack.cli("sessions", "--state", "lost").stdout == "no sessions are lost; 2 connected\n"
    for i in range(3):
        assert stack.post(webhook(session="demo-1", message_id=f"M{i}"))[0] == 200
    from_zero = stack.cli_json("events", "--from", "0", "--limit", "1")
    assert from_zero == stack.cli_json("events", "--from", "1", "--limit", "1") and from_zero[0]["seq"] == 1


def test_what_a_killed_start_left_behind_is_in_nobodys_way(stack):
    """In a container each service is process 1: it meets its own left-overs, and those of its neighbours."""
    script = 'touch "$ZAPKEEP_DATA_DIR/.zapkeep-$$"; exec "$0" --ingest-listen 127.0.0.1:0'
    p = subprocess.Popen(["sh", "-c", script, f"{BIN}/zapkeep-ingest"], env=stack.env, stderr=subprocess.PIPE, text=True)
    try:
        lines = iter(p.stderr.readline, "")
        assert any("takes webhooks" in line for line in lines), p.wait()
    finally:
        p.kill()
        p.wait()
        p.stderr.close()


def test_a_flag_that_makes_no_sense_is_named_as_it_was_given():
    done = subprocess.run([f"{BIN}/zapkeep", "events", "--limit", "many"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith('zapkeep: events: --limit is "many", but must be') and done.stderr.count("\n") == 1


def test_a_flag_that_chooses_is_not_empty(make_stack):
    stack = make_stack()
    stack.ingest()
    for command in (["replay", "--session", ""], ["forward", "dead", "drop", "--destination", "d", "--session="], ["events", "--type", ""]):
        done = stack.cli(*command)
        flag = command[-2] if not command[-1] else "--session"
        assert done.returncode == 2 and f"{flag} is empty: give it a value, or leave it out" in done.stderr, done


def test_the_page_of_settings_names_each_one_with_its_default():
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../check"))
    import settings_page
    assert settings_page.problems(BIN) == [], "`tests/check/settings_page.py BIN-DIR --write` writes the page anew"


def test_the_help_of_each_command_begins_with_the_line_that_lists_it():
    def help_of(*args):
        return subprocess.run([f"{BIN}/zapkeep", *args, "--help"], capture_output=True, text=True).stdout.splitlines()

    listed = [line.strip() for line in help_of() if line.startswith("  ") and "Exit codes" not in line and "usage error" not in line]
    assert len(listed) > 30
    for line in listed:
        name = re.match(r"[a-z ]+?(?=  | [A-Z\[-]|$)", line).group(0)
        usage, what = help_of(*name.split())[:2]
        assert " ".join(line.split()) == " ".join(f"{usage.removeprefix('zapkeep ')} {what}".split()), name


def test_each_command_that_a_message_names_is_one():
    """The next step in a log line, an alert, a page or an answer: `zapkeep COMMAND … --flag`, as the sources have it."""
    texts = [os.path.join(folder, name) for top in ("services", "common") for folder, _, names in os.walk(os.path.join(ROOT, top))
             for name in names if "node_modules" not in folder and name.endswith((".c", ".h", ".js", ".ts", ".tsx", ".jsx"))]
    groups, named = ["session", "forward", "alert", "store", "cursor", "bridge"], {}
    for path in texts:
        with open(path, errors="replace") as f:
            source = re.sub(r'"\s*\n\s*"', "", f.read())
        for text in re.findall(r"`zapkeep ([a-z][^`]*)`", source) + re.findall(rf"zapkeep ((?:{'|'.join(groups)}) [a-z]+(?: --[a-z-]+)?)", source):
            named.setdefault(" ".join(text.split()), path)
    listed = subprocess.run([f"{BIN}/zapkeep", "--help"], capture_output=True, text=True).stdout
    commands = sorted(re.findall(r"^  ([a-z]+(?: [a-z]+)*)(?= |$)", listed, re.M), key=len, reverse=True)
    assert len(named) > 30
    for text, path in named.items():
        command = next((c for c in commands if f"{text} ".startswith(f"{c} ") or c.startswith(f"{text} ")), None)
        assert command, f"{path}: `zapkeep {text}` is no command"
        flags = set(re.findall(r"--[a-z-]+", text))
        usage = subprocess.run([f"{BIN}/zapkeep", *command.split(), "--help"], capture_output=True, text=True).stdout if flags else ""
        assert all(flag in usage for flag in flags), f"{path}: `zapkeep {text}`"


# What each command is about; one that is not here takes nothing.
ABOUT = {"wait": "--timeout 100ms", "tap": "--last 2 --timeout 100ms", "events": "--rejected", "session show": "s1", "session reconnect": "s1",
         "session park": "s1", "session unpark": "s1", "session pair": "s1", "session create": "s2", "session qr": "s1", "session delete": "s1 --yes",
         "forward dead show": "1", "forward dead retry": "--all", "forward dead drop": "--all", "forward skip": "1", "forward pause": "b",
         "forward resume": "b", "forward test": "b", "forward on": "b", "forward off": "b", "forward forget": "b", "replay": "--from 1h --dry-run",
         "doctor": "--no-probe", "cursor remove": "monitor", "backup": "copy", "restore": "copy"}


def test_no_command_names_a_file_where_the_store_is_a_database(server, make_stack, request):
    """Its server is away, or it has no tables: the answer names the server and the next step, and neither a file nor the password."""
    listed = subprocess.run([f"{BIN}/zapkeep", "--help"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"^  ([a-z]+(?: [a-z]+)*)(?= |$)", listed, re.M)) - {"store init", "store upgrade", "store migrate", "probe"}
    assert ABOUT.keys() <= commands
    away = make_stack(ZAPKEEP_STORE="postgresql://zapkeep:not-to-be-shown@127.0.0.1:1/zapkeep", BACKEND_URL="http://127.0.0.1:1")
    empty = on_postgres.use(server, make_stack, request, BACKEND_URL="http://127.0.0.1:1")

    def run(stack, command):
        done = stack.cli(*command.split(), *ABOUT.get(command, "").split())
        return command, done.returncode, done.stdout + done.stderr

    for stack in (away, empty):
        stack.sim("contract", "--sessions", "1")
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda c, of=stack: run(of, c), sorted(commands)))
        for command, code, text in answers:
            assert not re.search(r"(state|events|forward)\.db|ZAPKEEP_DATA_DIR|No such file|not-to-be-shown", text), (command, text)
            assert code != 3 or re.search("does not answer: check|run zapkeep store init", text), (command, text)
        assert sum(code == 3 for _, code, _ in answers) > 15


def test_half_a_command_is_told_its_other_half():
    done = subprocess.run([f"{BIN}/zapkeep", "session"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("zapkeep: session takes one of: show, reconnect, ")
    done = subprocess.run([f"{BIN}/zapkeep", "sess"], capture_output=True, text=True)
    assert done.returncode == 2 and 'no command "sess"' in done.stderr


def test_waiting_in_vain_says_in_json_what_is_missing(stack):
    done = stack.cli("wait", "--timeout", "200ms", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["ready"] is False and "log.head" in answer["missing"]
