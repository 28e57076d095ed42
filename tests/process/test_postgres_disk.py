"""A stack on PostgreSQL whose database fills its disk: 503, one line, and on by itself when there is room."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from on_postgres import init, use
from test_ingest_disk import is_503, mount_small
from test_postgres import all_services, ask_all
from test_postgres_faults import large_webhook
from zk import wait_until, webhook


class Disk:
    """A small one, on which the tables of a database stand."""

    def __init__(self, server):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="zkdisk", dir="/tmp"))
        self.filler = self.path / "filler"
        mount_small(str(self.path), "24m")
        (self.path / "tables").mkdir()
        if server.user:
            os.chown(self.path / "tables", server.user.pw_uid, server.user.pw_gid)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass

    def close(self):
        subprocess.run(["umount", "-l", str(self.path)], check=True)
        shutil.rmtree(self.path, ignore_errors=True)


@pytest.fixture
def disk(server):
    d = Disk(server)
    yield d
    d.close()


@pytest.fixture
def stack(server, disk, make_stack, request):
    s = use(server, make_stack, request)
    server.sql(f"CREATE TABLESPACE small LOCATION '{disk.path}/tables'", "postgres")
    server.sql(f"ALTER DATABASE {s.database} SET TABLESPACE small", "postgres")
    yield init(s)
    for p in s.processes.values():
        p.kill()
    server.sql(f"DROP DATABASE {s.database} WITH (FORCE)", "postgres")
    server.sql("DROP TABLESPACE small", "postgres")


def test_a_disk_of_the_server_that_fills_up(server, disk, stack, make_backend):
    backend = make_backend()
    ports = all_services(stack, backend)
    p = stack.processes["ingest"]
    assert stack.post(webhook(message_id="before"))[0] == 200
    wait_until("it is delivered", lambda: "before" in {d.message_id for d in backend.taken(lambda d: d.type == "message.received")})
    disk.fill()
    for n in range(4):
        assert is_503(stack.post(large_webhook(n, 200)))
    lines = [line for line in p.text().splitlines() if " event-log-failed " in line]
    assert len(lines) == 1 and "is full" in lines[0], lines
    wait_until("/ready says no", lambda: stack.get_ingest("/ready")[0] == 503)
    assert set(ask_all(ports, "/health")[0].values()) == {200}
    stack.control("POST", "/drop?share=1&code=428")
    disk.filler.unlink()
    large = large_webhook(9, 200)
    wait_until("it takes webhooks again", lambda: stack.post(large)[0] == 200)
    assert stack.post(large)[0] == 200 and sum(e["message_id"] == "L9" for e in stack.events()) == 1
    wait_until("all are ready again", lambda: set(ask_all(ports, "/ready")[0].values()) == {200})
    wait_until("the sessions are connected again", lambda: set(stack.state()["sessions"].values()) == {"connected"})
    wait_until("it is delivered", lambda: "L9" in {d.message_id for d in backend.taken(lambda d: d.type == "message.received")})
    assert p.text().count(" event-log-works ") == 1
