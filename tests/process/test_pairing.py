"""A session's life from the command line: created, paired by its QR code, deleted; on both kinds of bridge."""

import json
import os
import pty
import re
import select
import subprocess
import threading
import time

import pytest

import zk

DIALECTS = ["zapw", "contract"]
# The light halves of each character of a drawing: upper, lower.
BLOCKS = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
QUIET = 2


def modules(drawing):
    """The modules of a drawn QR code, True for dark, its quiet zone left out."""
    rows = []
    for line in drawing.splitlines():
        upper = [not BLOCKS[c][0] for c in line]
        lower = [not BLOCKS[c][1] for c in line]
        rows += [upper, lower]
    side = len(rows[0]) - 2 * QUIET
    return [row[QUIET:QUIET + side] for row in rows[QUIET:QUIET + side]]


def drawings(output):
    """Each run of lines that are half blocks and nothing else."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output).replace("\r", "")
    found, lines = [], []
    for line in plain.splitlines() + ["."]:
        if line and set(line) <= set(BLOCKS) and len(line) > 20:
            lines.append(line)
        elif lines:
            found.append("\n".join(lines))
            lines = []
    return found


def is_qr(grid):
    """The three finder patterns are where they belong."""
    finder = [[max(abs(x - 3), abs(y - 3)) != 2 for x in range(7)] for y in range(7)]
    side = len(grid)
    corner = lambda y, x: [row[x:x + 7] for row in grid[y:y + 7]]
    return side % 4 == 1 and corner(0, 0) == finder and corner(0, side - 7) == finder and corner(side - 7, 0) == finder


def services(stack):
    """Those that make and follow the state."""
    stack.hub()
    stack.ingest()
    stack.monitor()
    zk.wait_until("the state can be read", lambda: stack.cli("bridges").returncode == 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_create_gives_id_status_and_qr(stack, dialect):
    stack.sim(dialect)
    [created] = stack.cli_json("session", "create", "alpha")
    assert created["session"] == created["id"] == "alpha" and created["bridge"] == "main"
    assert created["state"] == created["status"] and created["state"] in ("qr_pending", "starting")
    assert created["qr"]
    assert list(stack.state()["sessions"]) == ["alpha"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_lifecycle(stack, dialect):
    stack.sim(dialect)
    services(stack)
    stack.cli("session", "create", "alpha", check=True)
    assert stack.session("alpha")["state"] in ("qr_pending", "starting")
    again = stack.cli("session", "create", "alpha")
    assert again.returncode == 1 and "session pair alpha" in again.stderr
    done = stack.cli("session", "delete", "alpha", "--yes")
    assert done.returncode == 0 and "linked device" in done.stdout
    assert stack.session("alpha") is None
    assert stack.state()["sessions"] == {}
    gone = stack.cli("session", "delete", "alpha", "--yes")
    assert gone.returncode == 1 and "no session alpha" in gone.stderr


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_contract_gets_url_and_events_and_zapw_an_explicit_id(stack, dialect):
    bodies = []

    with Bridge(dialect, bodies) as url:
        stack.cli("session", "create", "alpha", check=True, WHATSAPP_API_URL=url, WEBHOOK_URL="http://us:8000/hook")
    if dialect == "zapw":
        assert bodies == [{"sessionId": "alpha"}]
    else:
        events = ["message.received", "message.sent", "message.delivered", "message.read", "session.connected",
                  "session.disconnected", "session.qr"]
        assert bodies == [{"id": "alpha", "webhook": {"url": "http://us:8000/hook", "events": events}}]


class Bridge:
    """A bridge of a few lines, as somebody else would write it; notes the bodies of POST /sessions."""

    def __init__(self, dialect, bodies):
        import http.server

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                if self.path == "/health":
                    self.answer(200, {"status": "ok"})
                elif self.path == "/sessions" and dialect == "zapw":
                    self.answer(200, {"status": "success", "data": []})
                elif dialect == "zapw":
                    self.send_error(404)  # HTML
                else:
                    self.answer(404, {"error": "not found"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                bodies.append(body)
                if dialect == "zapw":
                    data = {"id": body["sessionId"], "status": "qr_waiting", "qrCode": "2@x"}
                    self.answer(201, {"status": "success", "data": data})
                else:
                    self.answer(201, {"id": body["id"], "status": "qr_pending", "qr": "2@x"})

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_code_is_drawn_when_nobody_asks_for_json(stack, dialect):
    stack.sim(dialect)
    done = stack.cli("session", "create", "alpha", check=True)
    [drawing] = drawings(done.stdout)
    assert is_qr(modules(drawing))


def on_terminal(stack, *args, columns=120):
    """Runs zapkeep on a terminal of its own: (process, its end of the terminal)."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), *args], env=stack.env, stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    return process, ours


def read_until_exit(process, fd):
    output, end = b"", time.monotonic() + zk.PATIENCE
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], 0.2)
        try:
            data = os.read(fd, 65536) if ready else b""
        except OSError:  # the other end is closed
            data = None
        if data:
            output += data
        elif data is None or process.poll() is not None:
            break
    os.close(fd)
    return process.wait(zk.PATIENCE), output.decode()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_on_a_terminal_it_ends_when_the_phone_is_paired(stack, dialect):
    stack.sim(dialect)
    process, fd = on_terminal(stack, "session", "create", "alpha")
    zk.wait_until("the session waits for its scan",
                  lambda: stack.state()["sessions"].get("alpha") in ("qr_waiting", "qr_pending"))
    time.sleep(0.5)
    assert process.poll() is None
    stack.control("POST", "/pair?session=alpha")
    code, output = read_until_exit(process, fd)
    assert code == 0
    assert is_qr(modules(drawings(output)[0]))
    assert "alpha is connected" in output


def test_a_narrow_terminal_is_told(stack):
    stack.sim("zapw", "--pair-delay", "1s")
    process, fd = on_terminal(stack, "session", "create", "alpha", columns=20)
    code, output = read_until_exit(process, fd)
    assert code == 0 and drawings(output) == [] and "make it wider" in output


def test_delete_asks_on_a_terminal(stack):
    stack.sim("zapw")
    stack.cli("session", "create", "alpha", check=True)
    for answer, code in ((b"n\n", 1), (b"\n", 1), (b"y\n", 0)):
        assert len(stack.state()["sessions"]) == 1
        process, fd = on_terminal(stack, "session", "delete", "alpha")
        os.write(fd, answer)
        got, output = read_until_exit(process, fd)
        assert got == code and "[y/N]" in output and "linked device" in output
    assert stack.state()["sessions"] == {}


def test_delete_without_a_terminal_wants_yes(stack):
    stack.sim("zapw")
    stack.cli("session", "create", "alpha", check=True)
    assert stack.cli("session", "delete", "alpha").returncode == 2
    assert len(stack.state()["sessions"]) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_qr_shows_the_code_of_a_session_that_waits(stack, dialect):
    stack.hub()
    stack.ingest()  # on the contract the code may come by webhook only
    stack.sim(dialect)
    stack.cli("session", "create", "alpha", check=True)
    shown = zk.wait_until("there is a code", lambda: [o for o in stack.cli_json("session", "qr", "alpha") if o["qr"]]
                          if stack.cli("session", "qr", "alpha").returncode == 0 else None)
    assert shown[0]["status"] == "qr_pending"
    stack.control("POST", "/pair?session=alpha")
    connected = zk.wait_until("it is paired", lambda: json.loads(stack.cli("session", "qr", "alpha", "--json").stdout)
                              ["status"] == "connected")
    assert connected
    done = stack.cli("session", "qr", "nobody")
    assert done.returncode == 1 and "session pair nobody" in done.stderr


@pytest.mark.parametrize("dialect", DIALECTS)
def test_pair_creates_a_session_that_is_not_there(stack, dialect):
    stack.hub()
    stack.ingest()
    stack.sim(dialect)
    [shown] = stack.cli_json("session", "pair", "alpha")
    assert shown["session"] == "alpha" and shown["qr"]
    stack.control("POST", "/pair?session=alpha")
    again = zk.wait_until("it is paired", lambda: [o for o in stack.cli_json("session", "pair", "alpha")
                                                   if o["state"] == "connected"])
    assert len(again) == 1


def scan_when_drawn(stack, pair, session):
    """A phone: scans as soon as there is a code on the bridge."""
    zk.wait_until("the session waits for a scan",
                  lambda: stack.state()["sessions"].get(session) in ("qr_waiting", "qr_pending"))
    stack.control("POST", f"/pair?session={session}")
    out, err = pair.communicate(timeout=zk.PATIENCE)
    assert pair.returncode == 0, out + err
    return out


def pair_in_background(stack, *args):
    return subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "session", "pair", *args], env=stack.env, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_refusal_leads_to_a_paired_session_again(stack, dialect):
    """Logged out by the phone: each command that an operator tries names `session pair`, and that works."""
    stack.all(dialect, "--sessions", "1")
    stack.wait_session("demo-1", "connected")
    stack.control("POST", "/drop?session=demo-1&code=401")
    stack.wait_session("demo-1", "logged_out")
    step = "zapkeep session pair demo-1"
    plain = lambda text: re.sub(r"\s+", " ", text)
    assert step in plain(stack.cli("status").stdout)
    assert step in plain(stack.cli("session", "show", "demo-1").stdout)
    assert step in stack.cli("session", "reconnect", "demo-1").stderr
    assert step in stack.cli("session", "create", "demo-1").stderr
    pair = pair_in_background(stack, "demo-1", "--yes", "--wait")
    assert "demo-1 is connected" in scan_when_drawn(stack, pair, "demo-1")
    stack.wait_session("demo-1", "connected")


def test_pair_asks_before_it_deletes(stack):
    """The bridge's reconnect call gives no code for this one, so only a new session does."""
    stack.all("contract", "--sessions", "1")
    stack.control("POST", "/drop?session=demo-1&code=401")
    stack.wait_session("demo-1", "logged_out")
    before = stack.state()["sessions"]
    done = stack.cli("session", "pair", "demo-1")
    assert done.returncode == 1 and "zapkeep session pair demo-1 --yes" in done.stderr
    assert stack.state()["sessions"] == before
    process, fd = on_terminal(stack, "session", "pair", "demo-1")
    os.write(fd, b"n\n")
    code, output = read_until_exit(process, fd)
    assert code == 1 and "[y/N]" in output and stack.state()["sessions"] == before


def test_pair_says_that_a_code_has_expired_and_shows_the_next(stack):
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--qr-life", "2s")
    process, fd = on_terminal(stack, "session", "pair", "alpha", "--timeout", "10s")
    code, output = read_until_exit(process, fd)
    assert code == 1 and "zapkeep session pair alpha" in output
    codes = [drawing for drawing in drawings(output)]
    assert len(set(codes)) >= 2 or "has expired" in output, output[-2000:]


def test_wait_ends_when_nobody_scans(stack):
    stack.sim("zapw")
    done = stack.cli("session", "create", "alpha", "--wait", "--timeout", "1s")
    assert done.returncode == 1 and "nobody scanned" in done.stderr


def test_creations_take_turns_on_zapw(stack):
    """zapw loses list entries when sessions are created less than a second apart."""
    times = []

    class Times(list):
        def append(self, body):
            times.append(time.monotonic())
            super().append(body)

    with Bridge("zapw", Times()) as url:
        env = {**stack.env, "WHATSAPP_API_URL": url}
        running = [subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "session", "create", f"s{i}", "--json"], env=env,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(3)]
        assert [p.wait(zk.PATIENCE) for p in running] == [0, 0, 0]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(times) == 3 and min(gaps) >= 0.99


@pytest.mark.parametrize("bad", ["", "a\x01b", "x" * 129])
def test_an_id_that_is_none_never_reaches_the_bridge(stack, bad):
    bodies = []
    with Bridge("zapw", bodies) as url:
        for command in ("create", "qr", "delete"):
            args = ["--yes"] if command == "delete" else []
            assert stack.cli("session", command, bad, *args, WHATSAPP_API_URL=url).returncode == 2
    assert bodies == []


def test_problems_are_one_line_and_an_exit_code(stack):
    stack.sim("contract")
    for env, words in (({"WHATSAPP_API_KEY": "wrong"}, "refuses the API key"),
                       ({"WHATSAPP_API_URL": "http://127.0.0.1:1"}, "no answer from http://127.0.0.1:1")):
        done = stack.cli("session", "create", "alpha", **env)
        assert done.returncode == 3 and words in done.stderr and done.stderr.count("\n") == 1
    done = stack.cli("session", "create", "alpha", WHATSAPP_API_URL="")
    assert done.returncode == 2 and "WHATSAPP_API_URL is not set" in done.stderr
