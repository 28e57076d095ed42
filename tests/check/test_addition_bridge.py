"""A bridge driver costs one file and one row: done here in a copy of the tree, built, and used by the CLI and the monitor.

Run it as   /usr/bin/python3 tests/check/test_addition_bridge.py   (takes a build: about a minute with ccache).
"""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HIDDEN_KEY = "dummy-key"

DRIVER = r"""
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"

static const struct bridge_word words[] = {
    { "awake", SESSION_CONNECTED }, { "asleep", SESSION_DISCONNECTED }, { NULL, SESSION_STATE_N } };

static const struct json_path paths[] = { { ANSWER_TOP, { NULL } }, { ANSWER_ID, { "id" } }, { ANSWER_STATUS, { "status" } } };
static const struct answer_form form = { .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words };

static enum probe_verdict recognise(const struct bridge_answer *a)
{
    enum probe_verdict v = answer_probe(a);

    return v == PROBE_YES && answer_status(a) ? PROBE_NO : v;
}

const struct bridge_driver bridge_dummy = {
    .name = "dummy",
    .what = "a bridge that nobody runs",
    .key_header = "X-Dummy-Key: ",
    .has_list = true,
    .has_reconnect = true,
    .probes = { "/dummy/all" },
    .recognise = recognise,
    .ops = {
        [BRIDGE_HEALTH] = { "GET", "/dummy/alive" },
        [BRIDGE_LIST] = { "GET", "/dummy/all" },
        [BRIDGE_RECONNECT] = { "POST", "/dummy/%s/wake" },
    },
    .form = &form,
};
"""


class Bridge(http.server.BaseHTTPRequestHandler):
    """Two sessions: one connected, one that comes back when it is called."""

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_one(self):
        server = self.server
        if self.headers.get("X-Dummy-Key") != HIDDEN_KEY:
            self.answer(401, {"error": "no key"})
        elif self.path == "/dummy/alive":
            self.answer(200, {"ok": True})
        elif self.path == "/dummy/all":
            self.answer(200, [{"id": s, "status": word} for s, word in server.sessions.items()])
        elif self.command == "POST" and self.path == "/dummy/two/wake":
            server.sessions["two"] = "awake"
            self.answer(200, {})
        else:
            self.answer(404, {"error": f"Cannot {self.command} {self.path}"})

    do_GET = do_POST = handle_one

    def log_message(self, *args):
        pass


def run(*argv, **kw):
    return subprocess.run(argv, check=True, **kw)


def copy_tree(to):
    """The work tree as it is now, without builds."""
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           check=True, capture_output=True).stdout.split(b"\0")
    for name in filter(None, (f.decode() for f in files)):
        source = os.path.join(ROOT, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(to, name)), exist_ok=True)
            shutil.copy2(source, os.path.join(to, name))


def add_driver(tree):
    """One file, one row."""
    with open(os.path.join(tree, "common/bridge/driver_dummy.c"), "w") as f:
        f.write(DRIVER)
    path = os.path.join(tree, "common/bridge/drivers.h")
    text = open(path).read()
    head = "#define BRIDGE_DRIVERS(X)"
    assert text.count(head) == 1
    end = text.index("\n", text.index(head))
    open(path, "w").write(text[:end + 1] + "    X(dummy) \\\n" + text[end + 1:])


def build(tree):
    build_dir = os.path.join(tree, "build")
    run("cmake", "-S", tree, "-B", build_dir, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O0", "-DZK_TESTS=OFF",
        stdout=subprocess.DEVNULL)
    run("ninja", "-C", build_dir, "bin/zapkeep", "bin/zapkeep-monitor", "bin/zapkeep-reconnect", stdout=subprocess.DEVNULL)
    return os.path.join(build_dir, "bin")


def wait_for(what, condition, patience=60):
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def use(bin_dir, data, driver):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bridge)
    server.sessions = {"one": "awake", "two": "awake"}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = dict(os.environ, WHATSAPP_BRIDGE=driver, WHATSAPP_API_URL=f"http://127.0.0.1:{server.server_address[1]}",
               WHATSAPP_API_KEY=HIDDEN_KEY, ZAPKEEP_DATA_DIR=data, ZAPKEEP_ADMIN_LISTEN="off", CHECK_INTERVAL="1s",
               ZAPKEEP_BUS_IN="ipc://" + os.path.join(data, "in"), ZAPKEEP_BUS_OUT="ipc://" + os.path.join(data, "out"))

    def states():
        out = subprocess.run([os.path.join(bin_dir, "zapkeep"), "sessions", "--json"], env=env, capture_output=True, text=True)
        rows = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
        return {row["session"]: row["state"] for row in rows}

    with open(os.path.join(data, "log"), "w") as log:
        programs = [subprocess.Popen([os.path.join(bin_dir, name)], env=env, stdout=log, stderr=log)
                    for name in ("zapkeep-monitor", "zapkeep-reconnect")]
    try:
        wait_for("the monitor sees both sessions", lambda: states() == {"one": "connected", "two": "connected"})
        server.sessions["two"] = "asleep"
        wait_for("the worker called the bridge", lambda: server.sessions["two"] == "awake")
        wait_for("the monitor sees it back", lambda: states() == {"one": "connected", "two": "connected"})
        out = subprocess.run([os.path.join(bin_dir, "zapkeep"), "doctor", "--no-probe"], env=env, capture_output=True, text=True)
        assert "dummy" in out.stdout, out.stdout
    except AssertionError:
        print(open(os.path.join(data, "log")).read()[-4000:], file=sys.stderr)
        raise
    finally:
        for p in programs:
            p.terminate()
            p.wait(20)
        server.shutdown()


def test_a_bridge_driver_is_one_file_and_one_row():
    with tempfile.TemporaryDirectory() as tree, tempfile.TemporaryDirectory() as data:
        copy_tree(tree)
        add_driver(tree)
        bin_dir = build(tree)
        for driver in ("dummy", "auto"):
            folder = os.path.join(data, driver)
            os.mkdir(folder, 0o750)
            use(bin_dir, folder, driver)


if __name__ == "__main__":
    test_a_bridge_driver_is_one_file_and_one_row()
    print("a bridge driver is one file and one row")
