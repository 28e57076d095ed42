"""docker-compose.yml as an operator uses it, with the simulated bridge in the bridge's place: everything is looked at from
outside, through published ports, `docker-compose exec` and the engine."""

import glob
import json
import os
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "process"))
import zk  # noqa: E402

COMPOSE = ["docker", "compose"] if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0 \
    else ["docker-compose"]
FILES = ["-f", "docker-compose.yml", "-f", "deploy/compose.sim.yml"]
SERVICES = ["bus-hub", "webhook-ingest", "monitor", "reconnect-worker"]
INTERVAL = 20  # seconds; long enough to be told from the noise of containers that start


class Compose:
    def __init__(self):
        self.control_port, self.ingest_port = zk.free_port(), zk.free_port()
        self.env = {**os.environ, "COMPOSE_PROJECT_NAME": "zapkeeptest", "WHATSAPP_API_KEY": "k1",
                    "WEBHOOK_AUTH_TOKEN": "t1", "CHECK_INTERVAL": "2s", "RECONNECT_INTERVAL": f"{INTERVAL}s",
                    "SIM_CONTROL_PORT": str(self.control_port), "ZAPKEEP_INGEST_PORT": str(self.ingest_port),
                    "SIM_DROP_EVERY": "0", "SIM_RATE": "20/s",
                    "SIM_RETRIES": "0"}
        self.files = FILES

    def run(self, *args, check=True, timeout=900):
        done = subprocess.run([*COMPOSE, *self.files, *args], cwd=ROOT, env=self.env, text=True, capture_output=True,
                              timeout=timeout, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{args}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def zapkeep(self, *args, check=True):
        return self.run("exec", "-T", "monitor", "zapkeep", *args, check=check)

    def control(self, method, path):
        status, _, body = zk.http(method, f"http://127.0.0.1:{self.control_port}{path}")
        return json.loads(body) if status == 200 else None

    def containers(self, service):
        return self.run("ps", "-q", service).stdout.split()

    def inspect(self, container):
        return json.loads(subprocess.run(["docker", "inspect", container], text=True, capture_output=True,
                                         check=True).stdout)[0]

    def kill_9(self, service):
        """As the kernel would: the engine sees the process die and its restart policy acts."""
        for container in self.containers(service):
            subprocess.run(["kill", "-9", str(self.inspect(container)["State"]["Pid"])], check=True)

    def stored(self):
        lines = self.zapkeep("events", "--limit", "0", "--json", "--type", "message.").stdout.splitlines()
        return {json.loads(line)["message_id"] for line in lines}

    def acknowledged(self):
        return {f"SIM{n}" for first, last in self.control("GET", "/acknowledged") for n in range(first, last + 1)}

    def all_connected(self):
        state = self.control("GET", "/state")
        return state and set(state["sessions"].values()) == {"connected"}


@pytest.fixture(scope="module")
def compose():
    c = Compose()
    c.run("down", "-v", "--remove-orphans")
    # An authority that this machine trusts beside Debian's (a proxy that inspects TLS): the build of the image needs it too.
    authorities = [shutil.copy(path, os.path.join(ROOT, "deploy", "ca"))
                   for path in glob.glob("/usr/local/share/ca-certificates/*.crt")]
    try:
        c.run("up", "-d", "--build")
        c.zapkeep("wait", "--timeout", "90s")
        yield c
        print(c.run("logs", "--tail=40", check=False).stdout)
    finally:
        for path in authorities:
            os.unlink(path)
        c.run("down", "-v", "--remove-orphans", check=False)


def test_every_service_becomes_healthy(compose):
    for service in [*SERVICES, "whatsapp-bridge"]:
        for container in compose.containers(service):
            zk.wait_until(f"{service} is healthy",
                          lambda c=container: compose.inspect(c)["State"]["Health"]["Status"] == "healthy", 120)


def test_containers_have_no_rights_they_do_not_need(compose):
    for service in SERVICES:
        host = compose.inspect(compose.containers(service)[0])
        assert host["HostConfig"]["ReadonlyRootfs"] is True
        assert host["HostConfig"]["CapDrop"] == ["ALL"]
        assert host["Config"]["User"] not in ("", "0", "root")
        assert host["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_containers_have_limits_and_their_logs_rotate(compose):
    for service in [*SERVICES, "whatsapp-bridge"]:
        host = compose.inspect(compose.containers(service)[0])["HostConfig"]
        assert 0 < host["Memory"] <= 2 << 30, service
        assert 0 < host["PidsLimit"] <= 512, service
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}, service


def test_a_service_gets_the_secrets_it_uses_and_no_other(compose):
    uses = {"bus-hub": set(), "webhook-ingest": {"WEBHOOK_AUTH_TOKEN"}, "monitor": {"WHATSAPP_API_KEY"},
            "reconnect-worker": {"WHATSAPP_API_KEY"}, "whatsapp-bridge": {"API_KEY", "WEBHOOK_AUTH_TOKEN"}}
    for service, expected in uses.items():
        env = dict(e.split("=", 1) for e in compose.inspect(compose.containers(service)[0])["Config"]["Env"])
        assert {name for name, value in env.items() if value in ("k1", "t1")} == expected, service


def test_the_bridge_does_not_reach_the_hub(compose):
    bridge = set(compose.inspect(compose.containers("whatsapp-bridge")[0])["NetworkSettings"]["Networks"])
    hub = set(compose.inspect(compose.containers("bus-hub")[0])["NetworkSettings"]["Networks"])
    assert bridge and not bridge & hub


def test_the_metrics_of_every_service_can_be_scraped_inside(compose):
    with open(os.path.join(ROOT, "deploy", "prometheus", "compose.yml")) as f:
        config = f.read()
    targets = {"webhook-ingest": 8000, "bus-hub": 8001, "monitor": 8002, "reconnect-worker": 8003}
    for service, port in targets.items():
        assert service in config and str(port) in config
        seen = compose.run("run", "--rm", "-T", "cli", "probe", f"http://{service}:{port}/metrics").stdout
        assert "zapkeep_" in seen and "# TYPE" in seen, service


def test_the_demonstration_has_its_own_data_and_bridge_name(compose):
    mounts = {m["Name"] for m in compose.inspect(compose.containers("monitor")[0])["Mounts"]}
    assert mounts == {"zapkeeptest_demo-data"}
    rows = [json.loads(line) for line in compose.zapkeep("sessions", "--json").stdout.splitlines()]
    assert rows and {row["bridge"] for row in rows} == {"demo"}


def test_the_command_line_runs_as_a_service_of_its_own(compose):
    done = compose.run("run", "--rm", "-T", "cli", "doctor", check=False)
    assert "the bridge accepts" in done.stdout or "ok" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_dropped_session_comes_back(compose):
    compose.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("demo-1 is back", compose.all_connected, 120)
    assert len([c for c in compose.control("GET", "/calls") if c["session"] == "demo-1"]) == 1


def test_nothing_acknowledged_is_lost_and_no_attempt_is_early_while_containers_die(compose):
    compose.run("up", "-d", "--scale", "reconnect-worker=3")
    assert len(compose.containers("reconnect-worker")) == 3
    for service in ("webhook-ingest", "monitor", "reconnect-worker", "bus-hub"):
        compose.control("POST", "/drop?share=1&code=428")
        compose.kill_9(service)
        zk.wait_until(f"all sessions are back after {service} died", compose.all_connected, 180)
    compose.control("POST", "/traffic?rate=0")
    zk.wait_until("every webhook is taken", lambda: compose.control("GET", "/state")["waiting"] == 0, 120)
    assert compose.acknowledged() and compose.acknowledged() <= compose.stored()
    calls = compose.control("GET", "/calls")
    for session in {c["session"] for c in calls}:
        times = [c["at_ms"] / 1000 for c in calls if c["session"] == session]
        assert all(b - a >= INTERVAL - zk.ARRIVAL_S for a, b in zip(times, times[1:])), (session, times)


def test_events_and_sessions_survive_down_and_up(compose):
    before = compose.stored()
    compose.run("down")
    compose.run("up", "-d")
    compose.zapkeep("wait", "--timeout", "90s")
    assert before <= compose.stored()
    rows = [json.loads(line) for line in compose.zapkeep("sessions", "--json").stdout.splitlines()]
    assert {f"demo-{n}" for n in range(1, 6)} <= {row["session"] for row in rows}


def test_secrets_come_from_files(compose, tmp_path):
    for name, secret in (("whatsapp_api_key", "key-of-a-file"), ("webhook_auth_token", "token-of-a-file")):
        (tmp_path / name).write_text(secret + "\n")
        (tmp_path / name).chmod(0o644)
    tmp_path.chmod(0o755)
    compose.files = [*FILES, "-f", "deploy/compose.secrets.yml"]
    compose.env["SECRETS_DIR"] = str(tmp_path)
    compose.run("up", "-d")
    compose.zapkeep("wait", "--timeout", "90s")  # the bridge accepts the key
    hook = f"http://127.0.0.1:{compose.ingest_port}/api/v1/messages/webhook"
    body = zk.webhook("demo-1", message_id="SECRET")
    json_type = {"Content-Type": "application/json"}
    assert zk.http("POST", hook, body, {**json_type, "Authorization": "Bearer t1"})[0] == 401
    assert zk.http("POST", hook, body, {**json_type, "Authorization": "Bearer token-of-a-file"})[0] == 200
    for service in SERVICES:
        seen = json.dumps(compose.inspect(compose.containers(service)[0])["Config"]["Env"])
        assert "of-a-file" not in seen


def test_the_compose_file_alone_is_valid():
    assert shutil.which(COMPOSE[0])
    secrets = {"WHATSAPP_API_KEY": "k", "WEBHOOK_AUTH_TOKEN": "t"}
    plain = {k: v for k, v in os.environ.items() if k not in secrets}

    def config(env):
        return subprocess.run([*COMPOSE, "config"], cwd=ROOT, env=env, text=True, capture_output=True)

    for name in secrets:
        refused = config({**plain, **{k: v for k, v in secrets.items() if k != name}})
        assert refused.returncode != 0 and name in refused.stderr + refused.stdout
    done = config({**plain, **secrets})
    assert done.returncode == 0, done.stderr
    assert "tonylampada/zapw" in done.stdout
    assert "127.0.0.1:8000:8000" in done.stdout or 'published: "8000"' in done.stdout  # Compose 1 and 2 differ
    assert "5551" not in done.stdout  # the bus is in the data volume
