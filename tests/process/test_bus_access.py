"""Access to the bus: the service's user and group by default; others only where somebody says so."""

import os
import shutil
import stat
import subprocess

import pytest

import zk

OPEN = {"ZAPKEEP_BUS_OPEN": "yes"}


def tcp(host="127.0.0.1"):
    return {f"ZAPKEEP_BUS_{name}": f"tcp://{host}:{zk.free_port()}" for name in ("IN", "OUT", "FEED")}


def ends(stack, **env):
    """The exit code and the last line of a hub that does not start."""
    done = subprocess.run([os.path.join(zk.BIN, "zapkeep-hub")], env={**stack.env, **env}, text=True, capture_output=True,
                          timeout=zk.PATIENCE)
    return done.returncode, done.stderr.splitlines()[-1]


def test_by_default_the_bus_is_sockets_of_the_service_and_its_group(stack):
    stack.hub()
    stack.ingest()
    for path in stack.bus.values():
        mode = zk.wait_until("the socket is there", lambda: os.path.exists(path) and os.stat(path).st_mode)
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660
    assert stack.tap().running()
    assert "plain" not in stack.processes["hub"].text() and "bus-open" not in stack.processes["hub"].text()


@pytest.mark.no_store
@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_another_user_cannot_read_the_bus(stack):
    stack.hub()
    os.chmod(stack.dir, 0o755)
    os.chmod(stack.data, 0o755)  # not even where the folder lets him in
    zk.wait_until("the socket is there", lambda: os.path.exists(stack.bus["out"]))
    code = "import socket,sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
    done = subprocess.run(["/usr/bin/python3", "-c", code, stack.bus["out"]], user="nobody", group="nogroup", extra_groups=[],
                          text=True, capture_output=True)
    assert "PermissionError" in done.stderr


def test_a_hub_that_was_killed_leaves_nothing_in_the_way(stack):
    stack.hub()
    zk.wait_until("it listens", lambda: os.path.exists(stack.bus["in"]))
    code, line = ends(stack, ZAPKEEP_ADMIN_LISTEN="off")
    assert code == 3 and "ZAPKEEP_BUS_OUT" in line and "in use" in line
    stack.processes["hub"].kill()
    stack.hub()
    stack.ingest()
    assert stack.tap().running()


def test_plain_tcp_must_be_meant(stack):
    addresses = tcp()
    code, line = ends(stack, **addresses)
    assert code == 2 and addresses["ZAPKEEP_BUS_IN"] in line and "ZAPKEEP_BUS_OPEN=yes" in line
    stack.env.update(addresses)
    stack.hub(**OPEN)
    stack.ingest()
    assert stack.tap().running()
    assert "every user of this machine" in stack.processes["hub"].text()


def test_plain_tcp_on_the_network_is_told_by_hub_and_doctor(stack):
    stack.env.update(tcp("0.0.0.0"))
    hub = stack.hub(**OPEN)
    zk.wait_until("the hub warns", lambda: "everybody who reaches this address" in hub.text())
    [row] = [row for row in map(__import__("json").loads, stack.cli("doctor", "--json").stdout.splitlines())
             if row["check"] == "bus"]
    assert row["level"] == "warn" and "0.0.0.0" in row["message"] and "tls+tcp://" in row["advice"]


def pem(folder, name, *args):
    """A certificate of the stack's own authority (name "ca": the authority itself), with its key in the same file."""
    key, cert = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.pem")
    signer = [] if name.endswith("ca") else ["-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={args[0]}", "-keyout",
                    key, "-out", cert, *signer, "-addext", f"subjectAltName=DNS:{args[0]}", *args[1:]], check=True,
                   capture_output=True)
    shutil.copy(cert, os.path.join(folder, f"{name}.crt"))
    with open(cert, "a") as out, open(key) as text:
        out.write(text.read())
    return cert


def test_tls_lets_in_who_has_a_certificate_and_nobody_else(stack):
    pem(stack.dir, "ca", "zapkeep test")
    pem(stack.dir, "other-ca", "somebody else")
    pem(stack.dir, "party", "localhost", "-addext", "basicConstraints=critical,CA:FALSE")
    ports = {name: zk.free_port() for name in ("IN", "OUT", "FEED")}
    stack.env.update({f"ZAPKEEP_BUS_{name}": f"tls+tcp://localhost:{port}" for name, port in ports.items()})
    code, line = ends(stack)
    assert code == 2 and "ZAPKEEP_BUS_CERT" in line
    stack.env.update(ZAPKEEP_BUS_CERT=f"{stack.dir}/party.pem", ZAPKEEP_BUS_CA=f"{stack.dir}/ca.crt")
    hub = stack.hub()
    stack.ingest()
    assert stack.tap().running()
    assert "bus-open" not in hub.text()
    url = f"tls+tcp://localhost:{ports['OUT']}"
    for who, cert in (("no certificate", []), ("another's", ["--cert", f"{stack.dir}/other-ca.crt", "--key", f"{stack.dir}/other-ca.key"])):
        cat = subprocess.run(["nngcat", "--sub", "--dial", url, "--cacert", f"{stack.dir}/ca.crt", *cert, "--subscribe", "",
                              "--quoted", "--recv-timeout", "3"], text=True, capture_output=True, timeout=zk.PATIENCE)
        assert "log.head" not in cat.stdout, who
    cat = subprocess.Popen(["nngcat", "--sub", "--dial", url, "--cacert", f"{stack.dir}/ca.crt", "--cert", f"{stack.dir}/party.crt",
                            "--key", f"{stack.dir}/party.key", "--subscribe", "log.", "--quoted"], stdout=subprocess.PIPE)
    assert b"log.head" in cat.stdout.readline()
    cat.kill()
    cat.wait()


@pytest.mark.no_store
@pytest.mark.parametrize("program", ["zapkeep-hub", "zapkeep-monitor", "zapkeep"])
def test_a_path_too_long_for_a_socket_is_an_error_that_says_so(stack, program):
    folder = os.path.join(stack.dir, "a" * 90)
    argv = [os.path.join(zk.BIN, program)] + (["status"] if program == "zapkeep" else [])
    done = subprocess.run(argv, env={**stack.env, "ZAPKEEP_DATA_DIR": folder}, text=True, capture_output=True, timeout=zk.PATIENCE)
    [line] = done.stderr.splitlines()
    assert done.returncode == 2 and "107" in line and "ZAPKEEP_DATA_DIR" in line
