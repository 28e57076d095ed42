"""Refusals of the forwarder: strange certificates, redirects, private targets, settings that make no sense; and texts that it never prints."""

import json
import os
import signal
import ssl
import subprocess
import time

import pytest

import zk
from forwarding import OTHER_SECRET, SECRET, post_events
from secrets_watch import mark
from test_forward import BACKEND_TOKEN, start
from test_forward_retry import GOOD, Trickle, dead
from zk import wait_until

# ---- targets -------------------------------------------------------------------------------------------------------


def certificate(stack, name, *args):
    """A self-signed certificate; (certificate, key) as paths."""
    cert, key = os.path.join(stack.dir, name + ".pem"), os.path.join(stack.dir, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    *args], check=True, capture_output=True)
    return cert, key


def test_the_name_in_a_certificate_does_not_steer_a_terminal(stack, make_backend):
    cert, key = os.path.join(stack.dir, "evil.pem"), os.path.join(stack.dir, "evil.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=ev\x1b[31mil"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    backend = make_backend(tls=context)
    stack.ingest()
    post_events(stack, 1)
    done = stack.cli("replay", "--from", "1", "--to-url", f"https://127.0.0.1:{backend.port}/", FORWARD_CA=cert)
    assert done.returncode == 1 and "ev?[31mil" in done.stderr and "\x1b" not in done.stderr, done.stderr


def test_a_certificate_of_nobody_is_refused(stack, make_backend):
    cert, key = certificate(stack, "backend")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    bad, good = make_backend(tls=context), make_backend()
    start(stack, config=f"[destination bad]\nurl = https://127.0.0.1:{bad.port}\nallow_private = yes\n"
                        f"[destination good]\nurl = {good.url}\nallow_private = yes\n")
    post_events(stack, 5)
    good.wait(5)
    wait_until("it was tried", lambda: bad.connections > 0)
    assert bad.all() == []
    wait_until("it is logged", lambda: "certificate" in stack.processes["forward"].text().lower())


def test_a_certificate_of_an_own_authority_is_accepted_when_it_is_named(stack, make_backend):
    cert, key = certificate(stack, "backend")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    backend, other = make_backend(tls=context), make_backend(tls=context)
    start(stack, BACKEND_URL=f"https://127.0.0.1:{backend.port}", FORWARD_CA=cert,
          config=f"[destination other]\nurl = https://127.0.0.1:{other.port}\nallow_private = yes\nca = {cert}\n")
    post_events(stack, 5)
    assert len(backend.wait(5)) == len(other.wait(5)) == 5


def test_a_client_certificate_is_shown_to_a_server_that_asks_for_one(stack, make_backend):
    cert, key = certificate(stack, "backend")
    mine, mine_key = certificate(stack, "mine")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(mine)
    context.verify_mode = ssl.CERT_REQUIRED
    backend = make_backend(tls=context)
    section = f"url = https://127.0.0.1:{backend.port}\nallow_private = yes\nca = {cert}\n"
    p = start(stack, config=f"[destination with]\n{section}client_cert = {mine}\nclient_key = {mine_key}\n"
                            f"[destination without]\n{section}")
    post_events(stack, 2)
    backend.wait(2)
    wait_until("the other one is refused", lambda: "destination=without state=" in p.text())


def test_headers_of_a_destination_and_a_proxy(stack, make_backend):
    proxy, backend = make_backend(), make_backend()
    key = stack.file("api-key", "a-secret-key\n")
    p = start(stack, config=f"[destination far]\nurl = http://backend.invalid/hooks\nproxy = {proxy.url}\n"
                            f"header.X-Api-Key_file = {key}\nheader.X-Tenant = blue\n"
                            f"[destination near]\nurl = {backend.url}\nallow_private = yes\n")
    post_events(stack, 2)
    for d in proxy.wait(2):
        assert d.path == "http://backend.invalid/hooks"
        assert (d.headers["x-api-key"], d.headers["x-tenant"]) == ("a-secret-key", "blue")
    assert all("x-api-key" not in d.headers for d in backend.wait(2))
    assert "a-secret-key" not in p.text()


def test_sighup_reads_the_file_anew_and_an_error_changes_nothing(stack, make_backend):
    a, b = make_backend(), make_backend()
    section = "[destination %s]\nurl = %s\nallow_private = yes\n"
    p = start(stack, config=section % ("a", a.url))
    post_events(stack, 3)
    a.wait(3)
    path = stack.file("forward.conf", section % ("a", a.url) + "tyypes = message.\n")
    p.popen.send_signal(signal.SIGHUP)
    wait_until("it says where the error is", lambda: f"{path}:4:1" in p.text())
    post_events(stack, 3, prefix="E")
    a.wait(6)
    stack.file("forward.conf", section % ("a", a.url) + section % ("b", b.url) + "from = beginning\n")
    p.popen.send_signal(signal.SIGHUP)
    b.wait(6)
    for harmless in (signal.SIGUSR1, signal.SIGUSR2):
        p.popen.send_signal(harmless)
    post_events(stack, 3, prefix="F")
    a.wait(9)
    b.wait(9)
    assert [d.seq for d in a.taken()] == list(range(1, 10)), "what was delivered is not delivered again"


H2_SERVER = """
const [cert, key, port] = process.argv.slice(1), fs = require('fs');
require('http2').createSecureServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key), allowHTTP1: true }, (q, a) => {
  q.resume();
  q.on('end', () => { console.log(q.httpVersion, q.headers['webhook-id'], q.socket.remotePort); a.end(); });
}).listen(port, '127.0.0.1', () => console.log('open'));
"""


def test_http_2_is_spoken_where_the_backend_speaks_it(stack):
    cert, key = certificate(stack, "backend")
    port = zk.free_port()
    server = subprocess.Popen(["node", "-e", H2_SERVER, cert, key, str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline() == "open\n"
        start(stack, BACKEND_URL=f"https://localhost:{port}", FORWARD_CA=cert)
        post_events(stack, 5)
        seen = [server.stdout.readline().split() for _ in range(5)]
        assert {version for version, _, _ in seen} == {"2.0"}
        assert len({delivery for _, delivery, _ in seen}) == 5
    finally:
        server.kill()
        server.wait()


def test_redirects_are_not_followed(stack, make_backend):
    elsewhere = make_backend()
    backend = make_backend(lambda d: (307, {"Location": elsewhere.url + "/stolen"}) if d.attempt == 1 and d.session != GOOD else 200)
    start(stack, backend, FORWARD_TOKEN=BACKEND_TOKEN)
    with Trickle(stack):
        post_events(stack, 3, ["a", "b", "c"])
        backend.wait(3, lambda d: d.session != GOOD)
    assert elsewhere.connections == 0


LOCAL = ["http://127.0.0.1:{port}", "http://localhost:{port}", "http://127.1:{port}", "http://2130706433:{port}",
         "http://0x7f.0.0.1:{port}", "http://0.0.0.0:{port}", "http://[::1]:{port}", "http://[::ffff:127.0.0.1]:{port}",
         "http://169.254.169.254:{port}", "http://10.0.0.1:{port}"]


def test_private_targets_of_the_file_are_refused_unless_allowed(stack, make_backend):
    victim, good = make_backend(), make_backend()
    assert zk.http("GET", victim.url)[0] == 200 and victim.connections == 1
    config = "".join(f"[destination d{i}]\nurl = {url.format(port=victim.port)}\n" for i, url in enumerate(LOCAL))
    config += f"[destination good]\nurl = {good.url}\nallow_private = yes\n"
    start(stack, config=config, FORWARD_RETRY_SCHEDULE="0s,100ms,100ms,100ms,100ms")
    post_events(stack, 20, ["a", "b"])
    good.wait(20)
    wait_until("it is logged", lambda: "private" in stack.processes["forward"].text())
    time.sleep(1)
    assert victim.connections == 1


def test_a_name_that_becomes_private_is_refused_when_it_is_called(stack, make_backend):
    """The address that is connected to counts. Another destination may go there: its kept connection is not lent."""
    both = make_backend()
    start(stack, config=f"[destination good]\nurl = http://localhost:{both.port}/good\nallow_private = yes\n"
                        f"[destination name]\nurl = http://localhost:{both.port}/bad\n")
    post_events(stack, 20, ["a", "b", "c"])
    both.wait(20)
    post_events(stack, 20, ["a", "b", "c"], prefix="N")
    both.wait(40)
    time.sleep(1)
    assert {d.path for d in both.all()} == {"/good"}


def test_a_giant_answer_is_cut_off(stack, make_backend):
    giant = b"x" * (64 << 20)
    backend = make_backend(lambda d: (500, {}, giant) if d.session == "bad" else 200)
    p = start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,50ms,50ms")
    before = p.rss_kib()
    with Trickle(stack):
        post_events(stack, 1, ["bad"])
        wait_until("it is dead", lambda: dead(stack), step=0.2)
    assert p.rss_kib() - before < 32 << 10
    assert len(json.dumps(dead(stack)[0])) < 64 << 10


# ---- secrets are never shown ---------------------------------------------------------------------------------------

def test_secrets_are_never_said(stack, make_backend):
    """Neither in a log at its most talkative, nor by the CLI, the metrics or a stored dead letter."""
    token, password = mark("a backend's token", "backend-token-7731"), mark("a URL's password", "url-password-9942")
    query = mark("a URL's query", "query-secret-5521")
    backend = make_backend(lambda d: 422 if d.session == "bad" else 200)
    url = backend.url.replace("//", f"//user:{password}@") + f"/hook?key={query}"
    start(stack, BACKEND_URL=url, FORWARD_TOKEN=token, FORWARD_SECRET=f"{SECRET},{OTHER_SECRET}", ZAPKEEP_LOG="debug",
          FORWARD_RETRY_SCHEDULE="0s,50ms")
    with Trickle(stack):
        post_events(stack, 1, ["bad"])
        wait_until("it is dead", lambda: dead(stack), step=0.2)
    row = dead(stack)[0]
    said = [stack.processes["forward"].text(), stack.cli("forward", "dead", "show", str(row["id"])).stdout]
    for args in (("status",), ("dead", "list")):
        said += [stack.cli("forward", *args).stdout, stack.cli("forward", *args, "--json").stdout]
    for path in ("/metrics", "/health", "/ready"):
        said.append(stack.get_forward(path)[2].decode())
    stack.processes["forward"].stop()
    said.append(stack.processes["forward"].text())
    for name in os.listdir(stack.data):
        if name.startswith("forward"):
            with open(os.path.join(stack.data, name), "rb") as f:
                said.append(f.read().decode("latin-1"))
    for text in said:
        for secret in (token, password, query, SECRET, OTHER_SECRET, SECRET[6:], OTHER_SECRET[6:]):
            assert secret not in text, f"{secret} in:\n{text[:2000]}"


# ---- settings ------------------------------------------------------------------------------------------------------

def fails_at_start(stack, **env):
    """Exit 2 with one line; the line."""
    p = stack.start("forward", "zapkeep-forward", "--admin-listen", "off", **env)
    assert p.popen.wait(zk.PATIENCE) == 2
    lines = p.text().splitlines()
    assert len(lines) == 1, lines
    stack.processes.pop("forward")
    os.truncate(p.log_path, 0)
    return lines[0]


def test_without_a_backend_it_says_what_is_missing(stack):
    assert "BACKEND_URL" in fails_at_start(stack)


@pytest.mark.parametrize("name, value", [
    ("BACKEND_URL", "ftp://x"), ("BACKEND_URL", "not a url"), ("FORWARD_SECRET", "whsec_not*base64"),
    ("FORWARD_SECRET", f"{SECRET},{SECRET},{SECRET}"), ("FORWARD_BODY", "xml"), ("FORWARD_CONCURRENCY", "0"),
    ("FORWARD_CONCURRENCY", "many"), ("FORWARD_TIMEOUT", "15 parsecs"), ("FORWARD_RETRY_SCHEDULE", "0s,soon"),
    ("FORWARD_RETRY_SCHEDULE", ","), ("FORWARD_BATCH", "-1"), ("FORWARD_CONFIG", "/does/not/exist")])
def test_a_setting_that_makes_no_sense(stack, name, value):
    line = fails_at_start(stack, **{"BACKEND_URL": "http://127.0.0.1:1", name: value})
    assert name in line
    if name == "FORWARD_SECRET":
        assert SECRET not in line and "not*base64" not in line, "a secret was said"


ONE = "[destination one]\nurl = http://example.com\n"
CONFIGS = {  # text: where its error is
    "url = http://example.com\n": "1:1",
    ONE + "colour = blue\n": "3:1",
    ONE + "  colour = blue\n": "3:3",
    ONE + "timeout = 15 parsecs\n": "3:11",
    ONE + "timeout   =   soon\n": "3:15",
    ONE + "concurrency = 0\n": "3:15",
    ONE + "allow_private = perhaps\n": "3:17",
    ONE + "body = xml\n": "3:8",
    ONE + "secret = whsec_***\n": "3:10",
    ONE + "url = http://other.com\n": "3:1",
    ONE + "\n# again\n" + ONE: "5:14",
    ONE + "nothing\n": "3:",
    ONE + "[destination ]\nurl = http://b\n": "3:13",
    ONE + "[destination two\nurl = http://b\n": "3:17",
    ONE + "[place two]\nurl = http://b\n": "3:2",
    ONE + "[destination two]\ntypes = message.\n": "3:",
    "[destination one]\nurl = gopher://example.com\n": "2:7",
    "[destination one]\nurl =\n": "2:",
    "": "1:1",
    "# nothing at all\n": "",
}


@pytest.mark.parametrize("text", CONFIGS, ids=range(len(CONFIGS)))
def test_errors_of_the_file_name_line_and_column(stack, text):
    path = stack.file("forward.conf", text)
    line = fails_at_start(stack, FORWARD_CONFIG=path)
    assert f"{path}:{CONFIGS[text]}" in line if CONFIGS[text] else path in line
    assert "whsec_***" not in line


def test_a_second_forwarder_waits_and_takes_over(stack, make_backend):
    backend = make_backend()
    first = start(stack, backend)
    second = stack.start("second", "zapkeep-forward", "--admin-listen", "off")
    if stack.store:  # several share the destinations
        wait_until("it has started", lambda: " settings " in second.text(), needs=second)
    else:
        wait_until("it says why it waits", lambda: "another forwarder" in second.text(), needs=second)
    post_events(stack, 20)
    assert len(backend.wait(20)) == 20
    first.kill()
    post_events(stack, 20, prefix="N")
    wait_until("the second has taken over", lambda: {d.seq for d in backend.taken()} == set(range(1, 41)))
    assert len(backend.all()) <= 40 + 1, "what the first had delivered is delivered again"
    assert second.stop() == 0


def test_it_waits_for_what_it_needs(stack, make_backend):
    """No log yet, no hub, no backend: it waits for each, and says so once."""
    port = zk.free_port()
    stack.forward(ready=False, BACKEND_URL=f"http://127.0.0.1:{port}")
    time.sleep(1)
    stack.ingest()
    post_events(stack, 3)
    backend = make_backend(port=port)
    backend.wait(3)
    stack.hub()
    wait_until("it is ready", lambda: stack.get_forward("/ready")[0] == 200)
    assert stack.processes["forward"].stop() == 0
