import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zk  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + outcome.get_result().when, outcome.get_result())


@pytest.fixture
def make_stack(request):
    """Makes stacks; at the end all their processes are gone, and their logs shown if the test failed."""
    stacks = []

    def make(**settings):
        stacks.append(zk.Stack(**settings))
        return stacks[-1]

    yield make
    failed = getattr(request.node, "report_call", None) is None or request.node.report_call.failed
    for stack in stacks:
        stack.kill_all()
        if failed:
            stack.print_logs()
        else:
            stack.check_sanitizers()
        shutil.rmtree(stack.dir, ignore_errors=True)


@pytest.fixture
def stack(make_stack):
    return make_stack()
