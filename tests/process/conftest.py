import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import forwarding  # noqa: E402
import zk  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, "report_" + report.when, report)
    if report.failed:
        for stack in getattr(item, "stacks", []):
            report.sections.append((f"logs in {stack.dir}", stack.all_logs()))


@pytest.fixture
def make_stack(request):
    """Makes stacks; at the end all their processes are gone. The report of a test that failed shows their logs."""
    stacks = request.node.stacks = []

    def make(**settings):
        stacks.append(zk.Stack(**settings))
        return stacks[-1]

    yield make
    failed = getattr(request.node, "report_call", None) is None or request.node.report_call.failed
    for stack in stacks:
        stack.kill_all()
        if not failed:
            stack.check_sanitizers()
        shutil.rmtree(stack.dir, ignore_errors=True)


@pytest.fixture
def stack(make_stack):
    return make_stack()


@pytest.fixture
def make_backend():
    """Makes backends that note what they get and answer as told; all are closed at the end."""
    backends = []

    def make(*args, **kw):
        backends.append(forwarding.Backend(*args, **kw))
        return backends[-1]

    yield make
    for backend in backends:
        backend.close()
