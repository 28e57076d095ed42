"""Every metric, label and label value that the Grafana dashboard and the Prometheus rules name is really there."""

import glob
import json
import os
import re

import zk

DEPLOY = os.path.join(zk.ROOT, "deploy")


def expressions():
    """(where, PromQL) of everything shipped."""
    for path in glob.glob(f"{DEPLOY}/grafana/*.json"):
        with open(path) as f:
            dashboard = json.load(f)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{os.path.basename(path)}: {panel['title']}", target["expr"]
    for path in glob.glob(f"{DEPLOY}/prometheus/*.rules.yml"):
        with open(path) as f:
            for rule in re.split(r"^ *- alert: ", f.read(), flags=re.M)[1:]:
                name, rest = rule.split("\n", 1)
                yield name, re.search(r"expr: (.*?)\n +(?:for|labels):", rest, re.S).group(1)


def scrape(*ports):
    """name -> list of label dicts, over all services."""
    series = {}
    for port in ports:
        code, _, body = zk.http("GET", f"http://127.0.0.1:{port}/metrics")
        assert code == 200
        for line in body.decode().splitlines():
            m = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line)
            if m and not line.startswith("#"):
                series.setdefault(m.group(1), []).append(dict(re.findall(r'(\w+)="([^"]*)"', m.group(2) or "")))
    return series


def test_every_name_is_there(stack):
    worker_port = zk.free_port()
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--sessions", "2")
    stack.monitor()
    stack.start("worker", "zapkeep-reconnect", "--admin-listen", f"127.0.0.1:{worker_port}")
    stack.cli("wait", "--timeout", "60s", check=True)
    stack.forward(BACKEND_URL="http://127.0.0.1:9")
    series = scrape(stack.ports["ingest"], stack.ports["hub"], stack.ports["monitor"], stack.ports["forward"], worker_port)
    found = 0
    for where, expr in expressions():
        names = re.findall(r"(zapkeep_[a-z_]+)(?:\{([^}]*)\})?", expr)
        assert names or "up{" in expr, f"{where} uses no metric of ours"
        for name, matchers in names:
            found += 1
            assert name in series, f"{where} uses {name}, which no service has"
            for label, op, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
                for one in value.split("|"):
                    assert any(s.get(label) == one for s in series[name]), f'{where}: no {name}{{{label}="{one}"}}'
        for labels in re.findall(r"by \(([^)]*)\)", expr):
            for label in labels.split(", "):
                assert any(label in s for name, _ in names for s in series[name]), f"{where}: no label {label}"
    assert found > 40


def test_every_metric_of_monitor_and_forwarder_is_in_the_dashboard_or_the_rules(stack):
    """A metric that nobody looks at need not be counted."""
    stack.sim("zapw")
    stack.monitor()
    stack.ingest()
    stack.forward(BACKEND_URL="http://127.0.0.1:9")
    ports = stack.ports["monitor"], stack.ports["forward"]
    zk.wait_until("it answers", lambda: zk.http("GET", f"http://127.0.0.1:{ports[0]}/metrics")[0] == 200)
    used = " ".join(expr for _, expr in expressions())
    for name in scrape(*ports):
        plain = re.sub(r"_(bucket|sum|count)$", "", name) if "_seconds" in name else name
        if plain in ("zapkeep_build_info", "zapkeep_bus_dropped_total") or plain.startswith("process_"):
            continue
        assert plain in used, f"{plain} is in no panel and no rule"
