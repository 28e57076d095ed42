"""A stack on PostgreSQL: its store is a new database in the server of all such tests (conftest.py). That one keeps nothing through a power
loss, which no test makes; a server that is killed with SIGKILL loses nothing by it."""

import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postgres"))
from server import Server  # noqa: E402
import zk  # noqa: E402


def use(server, make_stack, request, **settings):
    """A stack that has a database of this test, without tables."""
    name, uri = server.create_for(request.node.name)
    stack = make_stack(ZAPKEEP_STORE=uri, **settings)
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
        self.n_stores = 0

    def get(self):
        self.server = self.server or Server()
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.start()
        return self.server

    def new_store(self):
        """The address of a new database with zapkeep's tables."""
        server = self.get()
        if self.n_stores == 0:
            subprocess.run([os.path.join(zk.BIN, "zapkeep"), "store", "init"], check=True, capture_output=True,
                           env={**os.environ, "ZAPKEEP_STORE": server.create("zk_template")})
        self.n_stores += 1
        name = f"zk_stack{self.n_stores}"
        server.sql(f"CREATE DATABASE {name} TEMPLATE zk_template", "postgres")
        return server.uri(name)

    def rest(self):
        """After a test: none is left stopped."""
        if self.server.process:
            self.server.signal(signal.SIGCONT)

    def close(self):
        if self.server:
            self.server.close()
