"""Receivers that are not ours take the requests that the forwarder signs: the examples of deploy/examples, and a verifier from npm."""

import json
import shutil
import subprocess

import pytest

from forwarding import OTHER_SECRET, SECRET, Backend, post_events
from test_examples import EXAMPLES, serve_example
from test_forward import BODIES, start
from zk import wait_until

@pytest.mark.parametrize("language", EXAMPLES)
def test_the_example_takes_what_is_delivered(stack, language):
    port = serve_example(stack, language)
    start(stack, BACKEND_URL=f"http://127.0.0.1:{port}", FORWARD_SECRET=f"{OTHER_SECRET},{SECRET}")
    for body in BODIES.values():
        assert stack.post(body)[0] == 200
    ids = [row["id"] for row in stack.events()]
    wait_until("all are printed", lambda: all(i in stack.processes[language].text() for i in ids), needs=stack.processes[language])
    wait_until("all are answered", lambda: stack.cli_json("forward", "status")[0]["lag"] == 0)
    assert [line.split()[0] for line in stack.processes[language].text().splitlines() if line.startswith("evt_")] == ids


# ---- standardwebhooks of npm ---------------------------------------------------------------------------------------

VERIFIER = "standardwebhooks@1.1.1"
PROGRAM = """
import { Webhook } from "standardwebhooks";
import { readFileSync } from "node:fs";
const { secret, other, deliveries } = JSON.parse(readFileSync(0, "utf8"));
const takes = (key, d, body) => { try { new Webhook(key).verify(body, d.headers); return true; } catch { return false; } };
console.log(JSON.stringify(deliveries.map((d) => {
  const body = Buffer.from(d.body, "hex").toString();
  return [takes(secret, d, body), takes(other, d, body), takes(secret, d, body + " ")];
})));
"""


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    """A folder with the package in it; skipped loudly where npm cannot reach its registry."""
    folder = tmp_path_factory.mktemp("npm")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"NOT RUN: npm is not installed, so {VERIFIER} did not see our signatures")
    (folder / "package.json").write_text("{}")
    (folder / "verify.mjs").write_text(PROGRAM)
    done = subprocess.run([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", VERIFIER], cwd=folder, text=True,
                          capture_output=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(f"NOT RUN: npm could not install {VERIFIER}, so it did not see our signatures: {done.stderr[-200:]}")
    return folder


def test_standardwebhooks_of_npm_accepts_our_signatures(stack, make_backend, verifier):
    backend: Backend = make_backend(lambda d: 500 if d.attempt == 1 else 200)
    start(stack, backend, FORWARD_SECRET=SECRET)
    for name in ("white space", "utf-8", "half an emoji", "big"):
        assert stack.post(BODIES[name])[0] == 200
    post_events(stack, 5, ["a", "b"])
    backend.wait(9)
    deliveries = [{"headers": d.headers, "body": d.body.hex()} for d in backend.all()]
    done = subprocess.run(["node", "verify.mjs"], cwd=verifier, text=True, capture_output=True, check=True,
                          input=json.dumps({"secret": SECRET, "other": OTHER_SECRET, "deliveries": deliveries}))
    assert json.loads(done.stdout) == [[True, False, False]] * 18
