"""Shared by the process tests: the real binaries, started on free ports with a data folder of their own.

A test uses the `stack` fixture (conftest.py) or makes a Stack; every process of it is killed at the end, and its logs are
in the report of a test that failed.
"""

import atexit
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

import secrets_watch
import store_sql
from secrets_watch import KEY, TOKEN

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("ZK_BIN", os.path.join(ROOT, "build", "bin"))
secrets_watch.watch_commands(BIN)
# Two shared cores and a sanitizer: "did it happen at all" gets this long, never a time to be measured.
PATIENCE = 60.0


# A call reaches the bridge later than its attempt began, and not always by as much: a busy machine holds one up, or Python has
# to start for the hook's program.
ARRIVAL_S = 1.0

# Tests that run side by side (pytest -n) look for ports in a range each, below the one the kernel gives to outgoing
# connections: a port that is free now is still free when the program under test wants it.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
PORTS = range(10000 + WORKER * 2500, 10000 + (WORKER + 1) * 2500)


def free_port(given=set()):  # noqa: B006 (it remembers)
    """A port that nobody listens on now and that nobody was given before."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in given or len(given) > len(PORTS) / 2:
            given.add(port)
            return port


def wait_until(what, condition, patience=PATIENCE, step=0.05, needs=None):
    """Calls condition() until it is true and returns its value; fails with `what` when it never is, and at once when the
    process that it needs has ended."""
    end = time.monotonic() + patience
    while True:
        ended = needs is not None and not needs.running()
        value = condition()
        if value:
            return value
        if ended:
            raise AssertionError(f"{needs.name} ended with {needs.popen.returncode} before {what}")
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience:.0f} s in vain until {what}")
        time.sleep(step)


def noted(url, status, headers, body):
    """An answer; one of a program under test holds no secret."""
    if urllib.parse.urlsplit(url).port in Stack.our_ports:
        secrets_watch.note(f"the answer of {url}", str(headers).encode() + body)
    return status, headers, body


def http(method, url, body=None, headers=None, timeout=10):
    """(status, headers, body bytes); status 0 when no whole answer came."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return noted(url, answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as e:
        return noted(url, e.code, dict(e.headers), e.read())
    except (OSError, HTTPException):
        return 0, {}, b""


class Process:
    """One program under test. Its stderr goes to a file that text() reads."""

    def __init__(self, name, argv, env, log_dir):
        self.name = name
        self.argv = argv
        self.log_path = os.path.join(log_dir, f"{name}.log")
        self.log = open(self.log_path, "ab")
        self.popen = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    @property
    def pid(self):
        return self.popen.pid

    def text(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def json(self):
        """Its output as JSON lines (the last one may be half written)."""
        return [json.loads(line) for line in self.text().split("\n")[:-1] if line.startswith("{")]

    def running(self):
        return self.popen.poll() is None

    def kill(self):
        """kill -9, as an out-of-memory killer would."""
        if self.running():
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        self.log.close()

    def stop(self, patience=PATIENCE):
        """SIGTERM; the exit code."""
        if self.running():
            self.popen.send_signal(signal.SIGTERM)
        code = self.popen.wait(patience)
        self.log.close()
        return code

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


class Stack:
    """A zapkeep of its own. Nothing is started until asked for: hub(), ingest(), monitor(), worker(), forward(), sim()."""

    our_ports = set()  # of all stacks; the simulated bridge's are not among them
    stores = None  # on_postgres.Stores with --store=postgresql; else a stack keeps its store in its folder

    def __init__(self, **settings):
        self.dir = tempfile.mkdtemp(prefix="zk-test-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)  # also of a stack that no fixture ends
        self.data = os.path.join(self.dir, "data")
        self.logs = os.path.join(self.dir, "logs")
        os.mkdir(self.data)
        os.mkdir(self.logs)
        self.ports = {name: free_port() for name in ("ingest", "hub", "monitor", "api", "control", "forward")}
        self.bus = {name: os.path.join(self.data, f"bus-{name}.sock") for name in ("in", "out", "feed")}
        Stack.our_ports.update(self.ports[name] for name in ("ingest", "hub", "monitor", "forward"))
        self.token, self.key = TOKEN, KEY
        self.processes = {}
        self.workers = 0
        self.env = {
            "PATH": os.environ["PATH"],
            "ZAPKEEP_DATA_DIR": self.data,
            "ZAPKEEP_INGEST_LISTEN": f"127.0.0.1:{self.ports['ingest']}",
            "WHATSAPP_API_URL": f"http://127.0.0.1:{self.ports['api']}",
            "WHATSAPP_API_KEY": self.key,
            "WEBHOOK_AUTH_TOKEN": self.token,
            "CHECK_INTERVAL": "1s",
            "RECONNECT_INTERVAL": "3s",
            "ALERT_HOLD": "0s",
            "HEALTH_DOWN_AFTER": "0s",
            "ALERT_REPEAT": "0s",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.store = Stack.stores.new() if Stack.stores and "ZAPKEEP_STORE" not in settings else None
        if self.store:  # after a kill -9 the next one of its kind waits for the end of the lease
            self.env.update(ZAPKEEP_STORE=self.store, ZAPKEEP_ROLE_LEASE="4s")
        self.env.update(settings)

    # ---- starting ---------------------------------------------------------------------------------------------

    def start(self, name, program, *args, **env):
        old = self.processes.get(name)
        assert old is None or not old.running(), f"{name} runs already"
        argv = [os.path.join(BIN, program), *args]
        self.processes[name] = Process(name, argv, {**self.env, **env}, self.logs)
        return self.processes[name]

    def hub(self, **env):
        return self.start("hub", "zapkeep-hub", "--admin-listen", f"127.0.0.1:{self.ports['hub']}", **env)

    def ingest(self, ready=True, **env):
        p = self.start("ingest", "zapkeep-ingest", **env)
        if ready:
            wait_until("ingest is ready", lambda: self.get_ingest("/ready")[0] == 200, needs=p)
        return p

    def monitor(self, **env):
        """Returns when its stores are open (its admin port answers after it tried to open them), or when it has ended."""
        p = self.start("monitor", "zapkeep-monitor", "--admin-listen", f"127.0.0.1:{self.ports['monitor']}", **env)
        url = f"http://127.0.0.1:{self.ports['monitor']}/health"
        wait_until("the monitor answers", lambda: not p.running() or http("GET", url)[0])
        return p

    def worker(self, name=None, **env):
        if name is None:
            self.workers += 1
            name = f"worker-{self.workers}"
        return self.start(name, "zapkeep-reconnect", "--admin-listen", "off", **env)

    def forward(self, ready=True, **env):
        """Delivers also events from before it was started the first time, unless FORWARD_FROM says otherwise."""
        if "FORWARD_FROM" not in self.env:
            env.setdefault("FORWARD_FROM", "beginning")
        p = self.start("forward", "zapkeep-forward", "--admin-listen", f"127.0.0.1:{self.ports['forward']}", **env)
        if ready:
            wait_until("the forwarder is ready", lambda: self.get_forward("/ready")[0] == 200, needs=p)
        return p

    def sim(self, dialect="contract", *args, **env):
        hook = f"http://127.0.0.1:{self.ports['ingest']}/api/v1/messages/webhook"
        if dialect in ("zapw", "wppconnect", "wuzapi", "gowa"):  # these can only be given a URL
            hook = hook.replace("//", f"//zapkeep:{self.token}@")
        p = self.start("sim", "zapkeep-bridge-sim", "--dialect", dialect, "--port", str(self.ports["api"]),
                       "--control-port", str(self.ports["control"]), *args,
                       **{"WEBHOOK_URL": hook, "API_KEY": self.key, "WEBHOOK_AUTH_TOKEN": self.token, **env})
        wait_until("the simulated bridge answers", lambda: self.control("GET", "/state", check=False), needs=p)
        return p

    def tap(self, *prefixes):
        """`zapkeep tap --json` in the background; it has heard log.head when this returns, so nothing later is missed."""
        p = self.start("tap", "zapkeep", "tap", "--json", "log.head", *prefixes)
        wait_until("tap is connected to the hub", lambda: p.json(), needs=p)
        return p

    def all(self, dialect="contract", *sim_args, workers=1, **env):
        """The whole stack in its usual order, ready. The bridge's dialect is kept for attempts()."""
        self.dialect = dialect
        self.hub(**env)
        self.ingest(**env)
        self.sim(dialect, *sim_args)
        self.monitor(**env)
        for _ in range(workers):
            self.worker(**env)
        self.cli("wait", "--timeout", "45s", check=True)

    # ---- asking -----------------------------------------------------------------------------------------------

    def cli(self, *args, check=False, stdin=None, timeout=PATIENCE, **env):
        """Runs zapkeep; the CompletedProcess with text."""
        done = subprocess.run([os.path.join(BIN, "zapkeep"), *args], env={**self.env, **env}, input=stdin, text=True,
                              stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True,
                              timeout=timeout)
        if check:
            assert done.returncode == 0, f"zapkeep {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def cli_json(self, *args, **env):
        """The objects that a command prints with --json. `status` exits 1 when something is wrong."""
        done = self.cli(*args, "--json", check=args[0] != "status", **env)
        assert done.returncode <= 1, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sql(self, part, statement):
        """Looks into the store: store_sql.rows()."""
        return store_sql.rows(self.env.get("ZAPKEEP_STORE", ""), self.data, part, statement)

    def events(self, *args):
        return self.cli_json("events", "--limit", "0", *args)

    def session(self, session_id):
        """The row of one session as `zapkeep sessions --json` shows it, or None."""
        done = self.cli("sessions", "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []
        return next((row for row in rows if row["session"] == session_id), None)

    def wait_session(self, session_id, state, patience=PATIENCE):
        return wait_until(f"session {session_id} is {state}",
                          lambda: (self.session(session_id) or {}).get("state") == state, patience, 0.2)

    def get_ingest(self, path):
        return http("GET", f"http://127.0.0.1:{self.ports['ingest']}{path}")

    def get_forward(self, path):
        return http("GET", f"http://127.0.0.1:{self.ports['forward']}{path}")

    def post(self, body, path="/api/v1/messages/webhook", headers=None, token=True):
        all_headers = {"Content-Type": "application/json"}
        if token:
            all_headers["Authorization"] = f"Bearer {self.token}"
        all_headers.update(headers or {})
        return http("POST", f"http://127.0.0.1:{self.ports['ingest']}{path}", body, all_headers)

    # ---- the simulated bridge ---------------------------------------------------------------------------------

    def control(self, method, path, check=True):
        """An order or a question to the control port; the JSON of its answer, or None."""
        status, _, body = http(method, f"http://127.0.0.1:{self.ports['control']}{path}")
        assert not check or status == 200, f"{method} {path}: {status} {body!r}"
        return json.loads(body) if status == 200 else None

    def state(self):
        return self.control("GET", "/state")

    def calls(self, session_id):
        """When the bridge was asked to reconnect this session ("" : to restart), in seconds of one clock."""
        return [c["at_ms"] / 1000 for c in self.control("GET", "/calls") if c["session"] == session_id]

    def acknowledged(self):
        """The ids of the messages that were answered 2xx, as the simulated bridge counts them."""
        return {f"SIM{n}" for first, last in self.control("GET", "/acknowledged") for n in range(first, last + 1)}

    def stored(self):
        """The ids of the messages in the log; every event is there once, and no seq is missing."""
        events = self.events()
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
        ids = [e["message_id"] for e in events if e["type"] == "message.received"]
        assert len(ids) == len(set(ids)), "a message is stored twice"
        return set(ids)

    def attempts(self, session_id):
        """When the bridge was asked to bring this session back: by its reconnect call, or by a restart of all (zapw)."""
        return self.calls("" if self.dialect == "zapw" else session_id)

    def attempt_slack_s(self):
        """How much closer than their spacing two attempts may reach the bridge."""
        return ARRIVAL_S

    def restart_by_hook(self, interval_s):
        """For the released zapw, which has no reconnect call: RECONNECT_HOOK restarts it, also while it serves others."""
        self.env.update(RECONNECT_HOOK=self.restart_hook(), RECONNECT_HOOK_INTERVAL=f"{interval_s}s",
                        RECONNECT_HOOK_MAX_CONNECTED="100")

    def file(self, name, text):
        """A file of the stack's own; its path."""
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def restart_hook(self):
        """RECONNECT_HOOK for a bridge without a reconnect call: a program that restarts the simulated bridge."""
        path = os.path.join(self.dir, "restart-bridge")
        with open(path, "w") as f:
            f.write(f"""#!/usr/bin/python3
import urllib.request
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:{self.ports['control']}/restart", method="POST")).read()
""")
        os.chmod(path, 0o755)
        return f"exec:{path}"

    # ---- the end ----------------------------------------------------------------------------------------------

    def kill_all(self):
        for pid in self.living():
            secrets_watch.note_command_line(pid)
        for p in self.processes.values():
            if p.running():
                p.popen.send_signal(signal.SIGKILL)
        for p in self.processes.values():
            p.kill()
        for pid in self.living():  # what they had started themselves
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop_all(self):
        """SIGTERM to all, those who feed the others first; the exit codes by name."""
        order = sorted(self.processes.values(), key=lambda p: (p.name != "sim", p.name == "hub"))
        return {p.name: p.stop() for p in order}

    def remove(self):
        """Its folder, and the database that it was given."""
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.store:
            Stack.stores.drop(self.store)

    def check_leftovers(self):
        """Nothing that we started is still there: no process (also none that a process of ours started), no socket."""
        wait_until("all processes are gone", lambda: not self.living(), 10)
        for name, port in self.ports.items():
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError as e:
                    raise AssertionError(f"port {port} ({name}) is still in use") from e

    def living(self):
        """Processes with our data folder in their environment."""
        mark, found = f"ZAPKEEP_DATA_DIR={self.data}\0".encode(), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if mark in f.read():
                        found.append(int(pid))
            except OSError:
                continue
        return found

    def all_logs(self):
        return "".join(f"---- {p.name} ----\n{p.text()[-6000:]}\n" for p in self.processes.values())

    def check_secrets(self):
        """No output of any test so far showed a secret; the logs and the data folder of this stack are searched now."""
        for folder in (self.logs, self.data):
            secrets_watch.note_folder(folder)
        secrets_watch.check()

    def check_sanitizers(self):
        self.check_secrets()
        for p in self.processes.values():
            text = p.text()
            assert "ERROR: AddressSanitizer" not in text and "ERROR: LeakSanitizer" not in text and \
                "runtime error:" not in text, f"{p.name} was caught by a sanitizer:\n{text[-6000:]}"


def webhook(session="alpha", event="message.received", message_id="M1", at=None, **data):
    """A webhook body as zapw sends it."""
    at = int(time.time() * 1000) if at is None else at
    body = {"sessionId": session, "origin": "5511999", "eventType": event, "timestamp": at, "data": data}
    if message_id is not None:
        body["data"] = {"messageId": message_id, **data}
    return json.dumps(body, separators=(",", ":"))
