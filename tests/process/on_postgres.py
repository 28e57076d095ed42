"""A stack on PostgreSQL: its store is a new database in the server of all such tests (conftest.py). That one keeps nothing through a power
loss, which no test makes; a server that is killed with SIGKILL loses nothing by it."""

import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postgres"))
from server import Server, uri  # noqa: E402
import zk  # noqa: E402


def use(server, make_stack, request, **settings):
    """A stack that has a database of this test, without tables."""
    name, address = server.create_for(request.node.name)
    stack = make_stack(ZAPKEEP_STORE=address, **settings)
    stack.database = name
    return stack


def init(stack):
    stack.cli("store", "init", check=True)
    return stack


@pytest.fixture
def stack(server, make_stack, request):
    return init(use(server, make_stack, request))


class Servers:
    """The server, started when a test asks for it, and started again when a test has killed it."""

    def __init__(self):
        self.server = None

    def get(self):
        self.server = self.server or Server()
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.start()
        return self.server

    def rest(self):
        """After a test: none is left stopped."""
        if self.server.process:
            self.server.signal(signal.SIGCONT)

    def close(self):
        if self.server:
            self.server.close()


class Stores:
    """The databases of all stacks of --store=postgresql, in one server: each process of pytest-xdist has its own Stores, and the
    first one, which has started the server, ends it."""

    def __init__(self, top=None):
        self.server = Server(max_connections="300").start() if top is None else None
        self.top, self.n = top or self.server.top, 0
        if self.server:
            subprocess.run([os.path.join(zk.BIN, "zapkeep"), "store", "init"], check=True, capture_output=True,
                           env={**os.environ, "ZAPKEEP_STORE": self.server.create("zk_template")})
        # One session for all databases: to begin one takes longer than to make a database.
        self.psql = subprocess.Popen(["psql", "-X", "-q", uri(self.top, "postgres")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)

    def sql(self, text):
        self.psql.stdin.write(f"{text};\n\\echo :SQLSTATE\n")
        self.psql.stdin.flush()
        assert self.psql.stdout.readline() == "00000\n", text

    def new(self):
        """The address of a new database with zapkeep's tables."""
        self.n += 1
        name = f"zk_{os.getpid()}_{self.n}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE zk_template STRATEGY FILE_COPY")  # without fsync it costs a tenth of WAL_LOG
        return uri(self.top, name)

    def drop(self, store):
        self.sql(f"DROP DATABASE {store.split('/')[3].split('?')[0]} WITH (FORCE)")

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()
        if self.server:
            self.server.close()
