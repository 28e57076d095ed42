"""A stack on fifteen machines: two database servers, two hubs, two ingests, two monitors, three workers, two forwarders, and the
world outside: a simulated bridge and a backend."""

import http.client
import json
import os
import pwd
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from machines import Net, run

PG = "/usr/lib/postgresql/15/bin"
TOKEN, KEY = "cluster-token-of-a-test", "cluster-key-of-a-test"
DESTINATIONS = ["d1", "d2", "d3"]
SESSIONS = 12
SPACING_S = 3
PG_CONF = """
listen_addresses = '*'
port = 5432
fsync = off
shared_buffers = 32MB
max_connections = 120
wal_keep_size = 256MB
max_wal_senders = 8
wal_sender_timeout = 3s
wal_receiver_timeout = 3s
wal_retrieve_retry_interval = 500ms
synchronous_commit = on
hot_standby = on
tcp_keepalives_idle = 5
tcp_user_timeout = 5s
include 'sync.conf'
"""


class Database:
    """A server on a machine; its Unix socket is seen by everybody here."""

    def __init__(self, machine):
        self.m = machine
        self.user = pwd.getpwnam("nobody")
        self.data = f"{machine.dir}/data"
        os.chown(machine.dir, self.user.pw_uid, self.user.pw_gid)

    def as_user(self, *argv):
        p = self.m.start("tool", argv, user=self.user)
        if p.wait(120) != 0:
            raise RuntimeError(f"{argv[0]}: {self.m.text('tool')[-800:]}")

    def init(self):
        self.as_user(f"{PG}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "--no-instructions")
        with open(f"{self.data}/postgresql.conf", "a") as f:
            f.write(PG_CONF)
        with open(f"{self.data}/pg_hba.conf", "a") as f:
            f.write("host all all 10.77.0.0/24 trust\nhost replication all 10.77.0.0/24 trust\n")
        self.sync(False)

    def sync(self, on):
        """Commits wait for the standby, as what manages a failover sets it once there is one."""
        with open(f"{self.data}/sync.conf", "w") as f:
            f.write(f"synchronous_standby_names = '{'*' if on else ''}'\n")
        os.chmod(f"{self.data}/sync.conf", 0o644)
        if self.running():
            self.sql("SELECT pg_reload_conf()", "postgres")

    def running(self):
        p = self.m.processes.get("postgres")
        return p is not None and p.poll() is None

    def start(self):
        self.m.start("postgres", [f"{PG}/postgres", "-D", self.data, "-k", self.m.dir], user=self.user)
        until = time.monotonic() + 60
        while True:
            try:
                return self.sql("SELECT 1", "postgres")
            except RuntimeError as e:
                if time.monotonic() > until or not self.running():
                    raise RuntimeError(f"{self.m.name}: {e}: {self.m.text('postgres')[-800:]}") from e
            time.sleep(0.1)

    def sql(self, text, database="zapkeep", limit=20):
        try:
            done = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", f"postgresql://postgres@/{database}?host={self.m.dir}", "-c", text],
                                  capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as e:
            raise RuntimeError("psql has no answer") from e
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def clone(self, primary):
        self.m.kill()
        shutil.rmtree(self.data, ignore_errors=True)
        self.as_user(f"{PG}/pg_basebackup", "-h", primary.m.address, "-U", "postgres", "-D", self.data, "-R", "-X", "stream", "-c", "fast")
        with open(f"{self.data}/sync.conf", "w") as f:
            f.write("synchronous_standby_names = ''\n")
        self.start()

    def wait_for_standby(self):
        """On the primary: until the standby streams, then commits wait for it."""
        for _ in range(300):
            if self.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "postgres") == "1":
                break
            time.sleep(0.1)
        self.sync(True)
        for _ in range(300):
            if self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')", "postgres") == "1":
                return
            time.sleep(0.1)
        raise RuntimeError("there is no synchronous standby")


class Backend:
    def __init__(self, machine, history):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    event = json.loads(body)
                    history.note_delivery(self.path[1:], time.monotonic(), event.get("sessionId"), event["data"].get("messageId"),
                                          self.headers.get("webhook-id"), int(self.headers.get("zapkeep-seq", "0")))
                except (ValueError, KeyError, TypeError, AttributeError):
                    pass  # an event of zapkeep's own
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = machine.inside(lambda: Server((machine.address, 9000), Handler))
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()


class Sender(threading.Thread):
    """A session of the world: one webhook after the other, each until it is taken."""

    def __init__(self, cluster, session):
        super().__init__(daemon=True)
        self.c, self.session, self.ends, self.n = cluster, session, False, 0

    def body(self, message_id):
        return json.dumps({"event": "message.received", "sessionId": self.session, "timestamp": "2026-01-01T00:00:00.000Z",
                           "data": {"messageId": message_id, "from": "4915100000000", "text": "hello"}}).encode()

    def post(self, to, body):
        h = http.client.HTTPConnection(to, 8000, timeout=6)
        try:
            h.request("POST", "/api/v1/messages/webhook", body, {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
            return h.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            h.close()

    def run(self):
        from machines import setns
        setns(f"/run/netns/{self.c.bridge.ns}")
        at = hash(self.session) % 2
        while not self.ends:
            message_id = f"{self.session}-{self.n}"
            body = self.body(message_id)
            self.c.history.note_sent(self.session, message_id)
            while not self.ends:
                start = time.monotonic()
                status = self.post(self.c.ingests[at % 2].address, body)
                now = time.monotonic()
                self.c.history.note_answer(self.session, message_id, status, now, now - start)
                if status == 200:
                    break
                at += 1
                time.sleep(0.1)
            self.n += 1
            time.sleep(self.c.pause_s)


class Cluster:
    def __init__(self, binaries, history, lease_s, senders=4, pause_s=0.1):
        self.bin, self.history, self.lease_s, self.pause_s = binaries, history, lease_s, pause_s
        self.net = Net()
        m = self.net.machine
        self.db = [Database(m("db1")), Database(m("db2"))]
        self.bridge, self.backend = m("bridge"), m("backend")
        self.hubs = [m("hub1"), m("hub2")]
        self.ingests = [m("in1"), m("in2")]
        self.monitors = [m("mon1"), m("mon2")]
        self.workers = [m("wrk1"), m("wrk2"), m("wrk3")]
        self.forwarders = [m("fwd1"), m("fwd2")]
        self.primary = 0
        self.senders = [Sender(self, f"w{i}") for i in range(senders)]

    def programs(self):
        return self.hubs + self.ingests + self.monitors + self.workers + self.forwarders

    # ---- starting ----

    def env(self, machine):
        hubs = [machine] if machine in self.hubs else self.hubs  # the programs dial both
        bus = {f"ZAPKEEP_BUS_{end}": ",".join(f"tcp://{h.address}:{port}" for h in hubs) for end, port in (("IN", 7001), ("OUT", 7002), ("FEED", 7003))}
        data = f"{machine.dir}/data"
        os.makedirs(data, exist_ok=True)
        return {"ZAPKEEP_DATA_DIR": data, "ZAPKEEP_ROLE_LEASE": f"{int(self.lease_s * 1000)}ms",
                "ZAPKEEP_STORE": f"postgresql://zapkeep@{self.db[0].m.address},{self.db[1].m.address}/zapkeep?target_session_attrs=read-write",
                **bus, "ZAPKEEP_BUS_OPEN": "yes", "ZAPKEEP_INGEST_LISTEN": f"{machine.address}:8000", "WEBHOOK_AUTH_TOKEN": TOKEN, "WHATSAPP_API_KEY": KEY,
                "WHATSAPP_API_URL": f"http://{self.bridge.address}:3000", "WHATSAPP_BRIDGE": "contract",
                "FORWARD_CONFIG": f"{self.net.dir}/forward.conf", "FORWARD_FROM": "beginning", "FORWARD_RETRY_SCHEDULE": "0s,1s,2s,2s,5s,5s,5s,5s,5s,5s,5s",
                "CHECK_INTERVAL": "1s", "CHECK_SOON": "200ms", "CHECK_INCIDENT": "500ms", "HEALTH_TIMEOUT": "2s",
                "RECONNECT_INTERVAL": f"{SPACING_S}s", "RECONNECT_RATE": "20/s", "RECONNECT_SLOW_START": "1s", "RECONNECT_FAILURES": "1000",
                "FLAP_PENALTY": "0", "INCIDENT_MIN": "100", "BREAKER_FAULTS": "1000", "BREAKER_OPEN": "1s", "BREAKER_OPEN_MAX": "1s",
                "ALERT_HOLD": "0s", "HEALTH_DOWN_AFTER": "0s"}

    def start(self, machine):
        program = {"hub": "zapkeep-hub", "in": "zapkeep-ingest", "mon": "zapkeep-monitor", "wrk": "zapkeep-reconnect", "fwd": "zapkeep-forward"}
        machine.start("zapkeep", [os.path.join(self.bin, program[machine.name.rstrip("123")])], self.env(machine))

    def cli(self, *args):
        p = self.bridge.start("cli", [os.path.join(self.bin, "zapkeep"), *args], self.env(self.workers[0]))
        if p.wait(60) != 0:
            raise RuntimeError(f"zapkeep {' '.join(args)}: {self.bridge.text('cli')[-500:]}")

    def start_world(self):
        self.bridge.start("sim", [os.path.join(self.bin, "zapkeep-bridge-sim"), "--dialect", "contract", "--host", self.bridge.address, "--port",
                                  "3000", "--control-port", "3001", "--sessions", str(SESSIONS), "--reconnect-delay", "100ms"],
                          {"API_KEY": KEY, "WEBHOOK_AUTH_TOKEN": TOKEN, "ZAPKEEP_DATA_DIR": self.bridge.dir})
        self.world = Backend(self.backend, self.history)
        with open(f"{self.net.dir}/forward.conf", "w") as f:
            for d in DESTINATIONS:
                f.write(f"[destination {d}]\nurl = http://{self.backend.address}:9000/{d}\nallow_private = yes\n")

    def begin(self):
        self.start_world()
        self.db[0].init()
        self.db[0].start()
        for line in ("CREATE ROLE zapkeep LOGIN", "CREATE DATABASE zapkeep OWNER zapkeep"):  # a user without rights on the server
            self.db[0].sql(line, "postgres")
        self.db[1].clone(self.db[0])
        self.db[0].wait_for_standby()
        self.cli("store", "init")
        for m in self.programs():
            self.start(m)
        for s in self.senders:
            s.start()

    def end(self):
        for s in self.senders:
            s.ends = True
        for s in self.senders:
            if s.ident:
                s.join(20)

    def close(self):
        self.end()
        self.net.close()
        shutil.rmtree(self.net.dir, ignore_errors=True)

    # ---- the world ----

    def control(self, method, path):
        def ask():
            for address in (self.bridge.address, "127.0.0.1"):
                try:
                    h = http.client.HTTPConnection(address, 3001, timeout=5)
                    h.request(method, path)
                    r = h.getresponse()
                    return json.loads(r.read() or b"null") if r.status == 200 else None
                except (OSError, ValueError):
                    continue
            return None

        return self.bridge.inside(ask)

    def drop_some(self, n=2):
        self.control("POST", f"/drop?n={n}&code=428")

    def look_at_calls(self):
        self.history.note_calls(self.control("GET", "/calls") or [])

    # ---- the database ----

    def fail_over(self, cut_old):
        """The standby becomes the primary; the old one is gone, or cut off and killed later. Returns when it takes writes."""
        old, new = self.db[self.primary], self.db[1 - self.primary]
        if cut_old:
            old.m.cut()
        else:
            old.m.kill()
        time.sleep(0.5)
        new.sql("SELECT pg_promote()", "postgres")
        self.primary = 1 - self.primary
        return time.monotonic()

    def detach_standby(self):
        """Commits wait for it no more, and it gets none of them, as an asynchronous one that is behind."""
        old, new = self.db[self.primary], self.db[1 - self.primary]
        old.sync(False)
        new.sql("ALTER SYSTEM SET primary_conninfo = ''", "postgres")
        new.sql("SELECT pg_reload_conf()", "postgres")
        while old.sql("SELECT count(*) FROM pg_stat_replication", "postgres") != "0":
            time.sleep(0.05)

    def make_standby(self):
        """The other server follows the primary again, from a new copy."""
        other, primary = self.db[1 - self.primary], self.db[self.primary]
        other.m.kill()
        other.m.heal()
        other.clone(primary)
        primary.wait_for_standby()

    def holders(self, kind):
        """{role: machine} of the leases that are alive."""
        rows = self.db[self.primary].sql(f"SELECT name, holder FROM zapkeep.role WHERE (name = '{kind}' OR name LIKE '{kind}.%')"
                                         " AND until > clock_timestamp()")
        by_pid = {m.processes["zapkeep"].pid: m for m in self.programs()}
        found = {}
        for line in rows.splitlines():
            name, holder = line.split("|")
            pid = int(holder.split(" pid ")[1].split()[0])
            if pid in by_pid:
                found[name] = by_pid[pid]
        return found


def check_namespaces():
    if os.getuid() != 0:
        return "network namespaces need root"
    try:
        name = f"zkctest{os.getpid()}"
        run("ip", "netns", "add", name)
        run("ip", "netns", "exec", name, "nft", "list ruleset")
        run("ip", "netns", "del", name)
    except (RuntimeError, OSError) as e:
        return f"no network namespaces can be made here: {e}"
    return None if os.path.exists(f"{PG}/postgres") else f"{PG}/postgres is not there: apt-get install postgresql-15"
