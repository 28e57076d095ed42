"""An addition costs as much as ARCHITECTURE says: each is made in a copy of the tree, built and used.

An addition is a row of ADDITIONS: the lines that it adds (file, the line after which they stand, the new line), the programs that
are built, and a function that uses it. Other tests here make additions that need more than lines (a bridge driver: test_addition_bridge.py).

Run it as   /usr/bin/python3 tests/check/test_additions.py   (takes a build: about a minute with ccache).
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def free_port():
    """Below the ports that the kernel gives to outgoing connections: what is free now is free when the program wants it."""
    while True:
        port = random.randrange(30000, 32700)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class Program:
    """A program of the copy that runs while `with` does; its log is `log()`, its metrics `metrics()`."""

    def __init__(self, bin_dir, name, *flags, **env):
        self.data = tempfile.mkdtemp(prefix="zk-addition-")
        self.port = free_port()
        self.argv = [os.path.join(bin_dir, name), "--data-dir", self.data, "--admin-listen", f"127.0.0.1:{self.port}", *flags]
        self.env = {"PATH": os.environ["PATH"], **env}

    def __enter__(self):
        self.file = open(os.path.join(self.data, "log"), "w+")
        self.process = subprocess.Popen(self.argv, env=self.env, stdout=self.file, stderr=self.file)
        end = time.monotonic() + 60
        while "listening" not in self.log():
            assert self.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.1)
        return self

    def log(self):
        with open(os.path.join(self.data, "log")) as f:
            return f.read()

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.file.close()
        shutil.rmtree(self.data)


# ---- how each is used ----------------------------------------------------------------------------------------------

def use_setting(bin_dir):
    with Program(bin_dir, "zapkeep-hub", "--dummy-wait=7s") as hub:
        assert "DUMMY_WAIT=7s" in hub.log(), "the program knows its value and shows it at its start"
    assert "--dummy-wait" in subprocess.run([os.path.join(bin_dir, "zapkeep-hub"), "--help"], capture_output=True, text=True).stdout
    bad = subprocess.run([os.path.join(bin_dir, "zapkeep-hub")], env={"DUMMY_WAIT": "soon"}, capture_output=True, text=True)
    assert bad.returncode == 2 and "DUMMY_WAIT" in bad.stderr


def use_policy_setting(bin_dir):
    with Program(bin_dir, "zapkeep-reconnect", "--dummy-verify=5m", WHATSAPP_API_URL="http://127.0.0.1:1") as worker:
        assert "DUMMY_VERIFY=5m" in worker.log(), "nothing overwrites it"
    with Program(bin_dir, "zapkeep-reconnect", WHATSAPP_API_URL="http://127.0.0.1:1") as worker:
        assert "DUMMY_VERIFY" not in worker.log(), "the default of the row and that of policy.c are one"


def use_metric(bin_dir):
    with Program(bin_dir, "zapkeep-hub") as hub:
        assert "# TYPE zapkeep_dummy_total counter\nzapkeep_dummy_total 0\n" in hub.metrics()


def use_column(bin_dir):
    with Program(bin_dir, "zapkeep-monitor", WHATSAPP_API_URL="http://127.0.0.1:1") as monitor:
        end = time.monotonic() + 60
        columns = {}
        while "dummy" not in columns and time.monotonic() < end:
            with contextlib.closing(sqlite3.connect(os.path.join(monitor.data, "state.db"))) as db:
                columns = {row[1]: row[2] for row in db.execute("PRAGMA table_info(session)")}
            time.sleep(0.1)
        assert columns["dummy"] == "INTEGER"
        listed = subprocess.run([os.path.join(bin_dir, "zapkeep"), "sessions", "--data-dir", monitor.data], capture_output=True)
        assert listed.returncode == 0, listed.stderr


def use_alert(bin_dir):
    """It stands first in the list, and the names of the others are still their own."""
    with Program(bin_dir, "zapkeep-monitor", WHATSAPP_API_URL="http://127.0.0.1:1", HEALTH_INTERVAL="100ms", HEALTH_DOWN_AFTER="0s") as monitor:
        end = time.monotonic() + 60
        while "alert=bridge-down" not in monitor.log() and time.monotonic() < end:
            time.sleep(0.2)
        assert "alert=bridge-down" in monitor.log()
    with open(os.path.join(bin_dir, "zapkeep-monitor"), "rb") as program:
        assert b"session-dummy" in program.read()


# ---- the additions -------------------------------------------------------------------------------------------------

ADDITIONS = [
    # title, number of lines, [(file, after the first line that contains this, the new line)], programs, use
    ("a setting is one row and one field", 2, [
        ("services/bus-hub/hub.c", "SETTINGS_OF(app_settings_table",
         '    { .name = "DUMMY_WAIT", .kind = SETTING_DURATION, .at = offsetof(struct hub_settings, dummy_ms), .def = "1s", .help = "x" },'),
        ("services/bus-hub/hub.h", "struct app_settings app;", "    int64_t dummy_ms;"),
    ], ["zapkeep-hub"], use_setting),
    ("a setting of the policy is one row where the field is there already", 1, [
        ("common/app/policy_settings.c", "const struct setting policy_settings_table[]",
         '    { .name = "DUMMY_VERIFY", .kind = SETTING_DURATION, .at = AT(policy.verify_ms), .def = "20s", .help = "x" },'),
    ], ["zapkeep-reconnect"], use_policy_setting),
    ("a metric is one row", 1, [
        ("services/bus-hub/hub.c", "static METRIC peers",
         None),
    ], ["zapkeep-hub"], use_metric),
    ("a column of the store is one row and one member", 2, [
        ("common/store/columns.h", "FIRST(INT, state, state)", "    X(INT, dummy, dummy)                       \\"),
        ("common/store/sessions.h", "struct session_row {", "    int64_t dummy;"),
    ], ["zapkeep-monitor", "zapkeep"], use_column),
    ("an alert is one row, in any place of the list", 1, [
        ("common/domain/alert_kind.h", "#define ALERT_KINDS(X)",
         '    X(DUMMY, ALERT_OF_SESSION, "session-dummy", "warning", "a dummy", "nothing is to be done") \\'),
    ], ["zapkeep-monitor"], use_alert),
]
METRIC_ROW = ('static METRIC dummy = { .name = "zapkeep_dummy_total", .help = "x", .kind = METRIC_COUNTER };')


def copy_tree(to):
    """The work tree as it is now, without builds."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True,
                           capture_output=True).stdout.split(b"\0")
    for name in filter(None, (n.decode() for n in names)):
        source = os.path.join(ROOT, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(to, name)), exist_ok=True)
            shutil.copy2(source, os.path.join(to, name))


def add_line(tree, name, anchor, line):
    """After the line with the anchor; a row that defines an object (None) stands before it."""
    path = os.path.join(tree, name)
    with open(path) as f:
        lines = f.read().split("\n")
    at = next(i for i, text in enumerate(lines) if anchor in text)
    lines.insert(at if line is None else at + 1, METRIC_ROW if line is None else line)
    with open(path, "w") as f:
        f.write("\n".join(lines))


def build(tree, programs):
    folder = os.path.join(tree, "build")
    subprocess.run(["cmake", "-S", tree, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O0",
                    "-DZK_TESTS=OFF"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, *(f"bin/{p}" for p in programs)], check=True, stdout=subprocess.DEVNULL)
    return os.path.join(folder, "bin")


def test_additions_cost_what_is_said():
    with tempfile.TemporaryDirectory(prefix="zk-additions-") as tree:
        copy_tree(tree)
        for what, cost, lines, _, _ in ADDITIONS:
            assert len(lines) == cost, what
            for name, anchor, line in lines:
                add_line(tree, name, anchor, line)
        bin_dir = build(tree, sorted({p for addition in ADDITIONS for p in addition[3]}))
        for what, _, _, _, use in ADDITIONS:
            use(bin_dir)
            print(what)


if __name__ == "__main__":
    test_additions_cost_what_is_said()
