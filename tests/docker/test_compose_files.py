"""Every compose file as Compose itself reads it, all profiles on: it parses, and with a bridge's file each program asks that bridge.
Nothing is started."""

import glob
import os
import re
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPOSE = ["docker", "compose"] if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0 \
    else ["docker-compose"]
PROFILES = ["forward", "console", "cli", "example", "metrics", "build"]
BRIDGES = sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(os.path.join(ROOT, "deploy/bridges/*/compose.yml")))
OTHERS = sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "deploy/compose.*.yml")))
# Programs that speak to the bridge, or read its webhooks.
OURS = ["webhook-ingest", "monitor", "reconnect-worker", "cli", "console"]


def config(*files):
    env = {**os.environ, "WHATSAPP_API_KEY": "user:key", "WEBHOOK_AUTH_TOKEN": "token", "POSTGRES_PASSWORD": "secret",
           "ZAPKEEP_STORE_PASSWORD": "secret", "COMPOSE_FILE": os.pathsep.join(("docker-compose.yml", *files))}
    profiles = [word for name in PROFILES for word in ("--profile", name)]
    done = subprocess.run([*COMPOSE, *profiles, "config"], cwd=ROOT, env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{files}: {done.stderr}"
    return yaml.safe_load(done.stdout)["services"]


@pytest.mark.parametrize("path", OTHERS)
def test_a_compose_file_parses(path):
    assert config(path)["monitor"]["image"]


def test_the_example_is_a_backend_beside_the_bridge_image():
    services = config()
    assert urlsplit(services["example"]["environment"]["WHATSAPP_API_URL"]).hostname == "whatsapp-bridge"
    assert set(services["example"]["networks"]) == {"bridge", "backends"}
    assert {"backends"} <= set(services["forwarder"]["networks"])


def test_zapw_from_its_source_is_pinned_and_is_what_the_bridge_image_is_built_on():
    services = config("deploy/compose.zapw-source.yml")
    context = services["zapw"]["build"]["context"]
    assert re.fullmatch(r"https://github\.com/tonylampada/zapw\.git#[0-9a-f]{7,40}", context), context
    assert services["whatsapp-bridge"]["build"]["args"]["ZAPW_IMAGE"] == services["zapw"]["image"]


@pytest.mark.parametrize("name", BRIDGES)
def test_with_a_bridge_s_file_each_program_asks_that_bridge(name):
    services = config(f"deploy/bridges/{name}/compose.yml")
    for service in OURS:
        if services[service].get("profiles") == ["zapw"]:
            continue  # there is nothing to watch
        assert services[service]["environment"]["WHATSAPP_BRIDGE"] == name, service
        if name == "cloud":
            continue  # a source of webhooks: nobody is asked
        host = urlsplit(services[service]["environment"]["WHATSAPP_API_URL"]).hostname
        assert "profiles" not in services[host], f"{service} asks {host}, which is not started"
        assert "bridge" in services[host]["networks"] and "bridge" in services[service]["networks"], service
    assert services["whatsapp-bridge"]["profiles"] == ["zapw"], "the bridge of docker-compose.yml is not started"


def test_each_bridge_s_page_starts_its_compose_file():
    for name in BRIDGES:
        with open(os.path.join(ROOT, "deploy/bridges", name, "README.md"), encoding="utf-8") as page:
            assert f"-f deploy/bridges/{name}/compose.yml" in page.read(), name


def test_the_stack_on_postgresql_has_two_of_each_behind_a_balancer():
    services = config("deploy/compose.postgres.yml")
    assert {name: services[name].get("deploy", {}).get("replicas") for name in ("monitor", "reconnect-worker", "forwarder")} == \
        {"monitor": 2, "reconnect-worker": 3, "forwarder": 2}
    first, second = services["webhook-ingest"]["environment"], services["webhook-ingest-2"]["environment"]
    assert all(first[name] == value for name, value in second.items()), "both ingests are set alike"
    assert services["whatsapp-bridge"]["environment"]["WEBHOOK_URL"].startswith("http://balancer:8000/")
    for service in (*OURS, "forwarder", "webhook-ingest-2"):
        assert services[service]["environment"]["ZAPKEEP_STORE"] == "postgresql://zapkeep@postgres/zapkeep", service
    with open(os.path.join(ROOT, "deploy/cluster/haproxy.cfg")) as f:
        servers = re.findall(r'server \S+ "\$\{(\w+)\}"', f.read())
    addresses = [services["balancer"]["environment"][name] for name in servers]
    assert addresses == ["webhook-ingest:8000", "webhook-ingest-2:8000"]
