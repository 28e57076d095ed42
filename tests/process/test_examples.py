"""The receivers of deploy/examples take signed and fresh requests, and no others."""

import os
import shutil
import time

import pytest

import zk
from forwarding import OTHER_SECRET, SECRET, signature
from zk import wait_until

EXAMPLES = {"python": ["/usr/bin/python3", os.path.join(zk.ROOT, "deploy", "examples", "receive.py")],
            "node": ["node", os.path.join(zk.ROOT, "deploy", "examples", "receive.mjs")]}


def serve_example(stack, language):
    """The example as a process; its port."""
    port = zk.free_port()
    argv = EXAMPLES[language]
    p = zk.Process(language, [shutil.which(argv[0]), argv[1], str(port)], {**stack.env, "SECRET": SECRET}, stack.logs)
    stack.processes[language] = p
    wait_until("the example listens", lambda: zk.http("POST", f"http://127.0.0.1:{port}/", b"{}")[0] == 401, needs=p)
    return port


@pytest.mark.parametrize("language", EXAMPLES)
def test_the_example_refuses_what_is_not_ours(stack, language):
    port = serve_example(stack, language)
    now, body = int(time.time()), b'{"sessionId":"a"}'

    def post(at=now, signed_at=None, secret=SECRET, sent=body, sign=None):
        sign = signature(secret, "evt_00000001_1", at if signed_at is None else signed_at, body) if sign is None else sign
        return zk.http("POST", f"http://127.0.0.1:{port}/x", sent,
                       {"webhook-id": "evt_00000001_1", "webhook-timestamp": str(at), "webhook-signature": sign})[0]

    assert post() == 200
    assert post(sign=f"v1,AAAA {signature(SECRET, 'evt_00000001_1', now, body)} v2,x") == 200
    assert post(at=now - 3600) == 401 and post(at=now + 3600) == 401
    assert post(at=now, signed_at=now - 1) == 401
    assert post(secret=OTHER_SECRET) == 401
    assert post(sent=b'{"sessionId":"b"}') == 401
    assert post(sign="") == 401 and post(sign="v1,") == 401 and post(sign="v1") == 401
    assert post(at="x") == 401 and post(at="") == 401
    post(sign="v1," + "\xe9" * 44)  # not ASCII: whatever it says, it goes on
    assert post() == 200
    taken = [line for line in stack.processes[language].text().splitlines() if line.startswith("evt_")]
    assert taken == [f"evt_00000001_1 {body.decode()}"] * 3
