"""Fixtures of the tests on PostgreSQL: a server of the module, and a stack whose store is a new database in it."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postgres"))
from server import Server  # noqa: E402


def use(server, make_stack, request, **settings):
    """A stack that has a database of this test, without tables."""
    name, uri = server.create_for(request.node.name)
    stack = make_stack(ZAPKEEP_STORE=uri, **settings)
    stack.database = name
    return stack


def init(stack):
    stack.cli("store", "init", check=True)
    return stack


@pytest.fixture(scope="module")
def server():
    s = Server().start()  # without fsync
    yield s
    s.close()


@pytest.fixture
def stack(server, make_stack, request):
    return init(use(server, make_stack, request))
