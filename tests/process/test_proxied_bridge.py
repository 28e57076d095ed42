"""A bridge behind a proxy: TLS with an authority of one's own, Basic authentication beside the key, the key in a header of the proxy's."""

import base64
import http.server
import json
import ssl
import threading
import urllib.error
import urllib.request

import pytest

import zk
from test_forward_safety import certificate

USER = "zapkeep:proxy-secret-5f1c"


class Proxy:
    """https in front of a simulated bridge: wants Basic, takes the key from X-Bridge-Key and gives it to the bridge as its own."""

    def __init__(self, context, api_port, user=USER):
        self.refused, self.passed = 0, []
        wanted = "Basic " + base64.b64encode(user.encode()).decode()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Authorization") != wanted:
                    proxy.refused += 1
                    return self.say(401, b"who are you?")
                proxy.passed.append((self.command, self.path))
                headers = {"Authorization": f"Bearer {self.headers.get('X-Bridge-Key', '')}", "Content-Type": "application/json"}
                req = urllib.request.Request(f"http://127.0.0.1:{api_port}{self.path}", body or None, headers, method=self.command)
                try:
                    with urllib.request.urlopen(req, timeout=5) as answer:
                        self.say(answer.status, answer.read())
                except urllib.error.HTTPError as e:
                    self.say(e.code, e.read())
                except OSError:
                    self.say(502, b"no bridge")

            do_GET = do_POST = do_DELETE = pass_on

            def say(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def has_passed(self, method, part):
        return any(m == method and part in path for m, path in self.passed)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def proxied(stack):
    """(proxy, certificate); the simulated bridge runs behind it."""
    cert, key = certificate(stack, "proxy")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    proxy = Proxy(context, stack.ports["api"])
    yield proxy, cert
    proxy.close()


def rows(stack):
    done = stack.cli("sessions", "--json")
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []


def reconnects(stack, proxy, session):
    """It is watched through the proxy, and a drop is healed by a call through it."""
    zk.wait_until("it is connected", lambda: (stack.session(session) or {}).get("state") == "connected")
    stack.control("POST", f"/drop?session={session}&code=428")
    zk.wait_until("it was reconnected through the proxy", lambda: proxy.has_passed("POST", "reconnect"))
    stack.wait_session(session, "connected")


def test_a_bridge_behind_a_proxy(stack, proxied):
    proxy, cert = proxied
    stack.sim("contract", "--sessions", "1")
    stack.env.update(WHATSAPP_API_URL=proxy.url, WHATSAPP_API_CA=cert, WHATSAPP_API_BASIC=USER, WHATSAPP_API_KEY_HEADER="X-Bridge-Key")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    reconnects(stack, proxy, "demo-1")
    assert stack.cli("session", "create", "fresh", "--json").returncode == 0 and proxy.has_passed("POST", "/sessions")
    rows = {row["check"]: row for row in map(json.loads, stack.cli("doctor", "--json").stdout.splitlines())}
    assert rows["bridge"]["level"] == rows["key"]["level"] == "ok", rows
    assert proxy.refused == 0


def test_a_section_has_its_own_proxy(stack, proxied):
    """In ZAPKEEP_BRIDGES, beside a bridge that needs none of it: nothing of one goes to the other."""
    proxy, cert = proxied
    stack.sim("contract", "--sessions", "1")
    plain = zk.free_port()
    stack.start("sim-plain", "zapkeep-bridge-sim", "--dialect", "contract", "--port", str(plain), "--control-port", str(zk.free_port()),
                "--sessions", "1", API_KEY=stack.key)
    secret = stack.file("basic", USER + "\n")
    stack.env["ZAPKEEP_BRIDGES"] = stack.file("bridges.conf", f"""[bridge far]
type = contract
url = {proxy.url}
key = {stack.key}
key_header = X-Bridge-Key
basic_file = {secret}
ca = {cert}
webhook_token = {stack.token}

[bridge near]
type = contract
url = http://127.0.0.1:{plain}
key = {stack.key}
webhook_token = {stack.token}
""")
    for name in ("WHATSAPP_API_URL", "WHATSAPP_API_KEY"):
        stack.env.pop(name)
    stack.monitor()
    zk.wait_until("both are watched", lambda: sorted((r["bridge"], r["state"]) for r in rows(stack)) ==
                  [("far", "connected"), ("near", "connected")])
    assert proxy.refused == 0 and proxy.passed


@pytest.mark.parametrize("env, words", [
    ({"WHATSAPP_API_KEY_HEADER": "X Key"}, "WHATSAPP_API_KEY_HEADER"),
    ({"WHATSAPP_API_BASIC": "nobody"}, "WHATSAPP_API_BASIC"),
    ({"WHATSAPP_API_BASIC": USER}, "WHATSAPP_API_KEY_HEADER"),  # the key is in Authorization already
    ({"WHATSAPP_API_CA": "/nowhere/ca.pem"}, "WHATSAPP_API_CA"),
    ({"WHATSAPP_API_KEY": "two words"}, "WHATSAPP_API_KEY"),
    ({"WHATSAPP_API_KEY": "two\nlines"}, "WHATSAPP_API_KEY"),
])
def test_a_setting_that_cannot_be_meant_stops_the_program_by_name(stack, env, words):
    for program in (stack.monitor(**env), stack.worker("worker-1", **env)):
        assert program.popen.wait(zk.PATIENCE) == 2
        assert words in program.text() and USER not in program.text()
