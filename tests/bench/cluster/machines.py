"""Machines as network namespaces on one switch, each with programs of its own; and what can happen to a machine."""

import ctypes
import os
import signal
import subprocess
import tempfile
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def run(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def setns(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        if LIBC.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(fd)


class Net:
    """A switch in a namespace of its own; nothing of it is seen by the rest of the machine."""

    def __init__(self):
        self.prefix = f"zkc{os.getpid() % 100000}"
        self.dir = tempfile.mkdtemp(prefix="zk-cluster-")
        os.chmod(self.dir, 0o755)
        self.machines = {}
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")

    @property
    def switch(self):
        return f"{self.prefix}sw"

    def machine(self, name):
        self.machines[name] = Machine(self, name, len(self.machines) + 1)
        return self.machines[name]

    def close(self):
        for m in self.machines.values():
            m.kill()
            run("ip", "netns", "del", m.ns, check=False)
        run("ip", "netns", "del", self.switch, check=False)


class Machine:
    def __init__(self, net, name, number):
        self.net, self.name, self.address = net, name, f"10.77.0.{number}"
        self.ns = f"{net.prefix}{name}"
        self.dir = os.path.join(net.dir, name)
        os.mkdir(self.dir, 0o755)
        self.processes = {}
        port = f"v{number}"
        run("ip", "netns", "add", self.ns)
        run("ip", "-n", net.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.ns)
        run("ip", "-n", net.switch, "link", "set", port, "master", "br0", "up")
        run("ip", "-n", self.ns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.ns, "link", "set", "eth0", "up")
        run("ip", "-n", self.ns, "link", "set", "lo", "up")

    # ---- programs ----

    def start(self, name, argv, env=None, user=None):
        log = open(os.path.join(self.dir, f"{name}.log"), "ab")

        def enter():
            setns(f"/run/netns/{self.ns}")
            if user:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)

        self.processes[name] = subprocess.Popen(argv, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                preexec_fn=enter, cwd="/", start_new_session=True)
        log.close()
        return self.processes[name]

    def inside(self, work):
        """work() in a thread that has this machine's network."""
        result = []

        def body():
            setns(f"/run/netns/{self.ns}")
            try:
                result.append((True, work()))
            except Exception as e:  # noqa: BLE001 (raised again by the caller)
                result.append((False, e))

        t = threading.Thread(target=body, daemon=True)
        t.start()
        t.join()
        if not result[0][0]:
            raise result[0][1]
        return result[0][1]

    def text(self, name):
        with open(os.path.join(self.dir, f"{name}.log"), errors="replace") as f:
            return f.read()

    def signal(self, number):
        for p in self.processes.values():
            if p.poll() is None:
                try:
                    os.killpg(p.pid, number)
                except ProcessLookupError:
                    pass

    def kill(self):
        self.signal(signal.SIGKILL)
        for p in self.processes.values():
            p.wait()

    # ---- its network ----

    def cut(self, incoming=True, outgoing=True):
        rules = ["add table inet cut"]
        if incoming:
            rules += ["add chain inet cut in { type filter hook input priority 0; }", 'add rule inet cut in iif != "lo" drop']
        if outgoing:
            rules += ["add chain inet cut out { type filter hook output priority 0; }", 'add rule inet cut out oif != "lo" drop']
        for rule in rules:
            run("ip", "netns", "exec", self.ns, "nft", rule)

    def slow(self, delay_ms, loss):
        """A long way that loses packets; a kernel without netem has a narrow one, with a queue of the same time. Says which."""
        try:
            run("tc", "-n", self.ns, "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", f"{delay_ms}ms", f"{delay_ms // 4}ms",
                "loss", f"{loss}%")
            return f"{delay_ms} ms"
        except RuntimeError:
            run("tc", "-n", self.ns, "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "192kbit", "burst", "4kb", "latency",
                f"{2 * delay_ms}ms")
            return f"192 kbit/s, {2 * delay_ms} ms"

    def heal(self):
        run("ip", "netns", "exec", self.ns, "nft", "delete table inet cut", check=False)
        run("tc", "-n", self.ns, "qdisc", "del", "dev", "eth0", "root", check=False)
        self.signal(signal.SIGCONT)
