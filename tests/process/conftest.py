import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import forwarding  # noqa: E402
import on_postgres  # noqa: E402
import zk  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--store", choices=("files", "postgresql"), default="files",
                     help="where the stacks keep their store: each in a folder, or each in a database of its own")


def pytest_configure(config):
    """On PostgreSQL: one server for the processes of pytest-xdist, started by the first."""
    if config.getoption("--store") == "postgresql" and not config.getoption("--collect-only"):
        try:
            zk.Stack.stores = on_postgres.Stores(getattr(config, "workerinput", {}).get("stores"))
        except RuntimeError as e:
            raise pytest.UsageError(str(e)) from e


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    if zk.Stack.stores:
        node.workerinput["stores"] = zk.Stack.stores.top


def pytest_unconfigure(config):
    if zk.Stack.stores:
        zk.Stack.stores.close()


def pytest_collection_modifyitems(config, items):
    """On PostgreSQL: not the tests that are about the files of a store, that open none, whose rows are alike for any store, or that make their databases themselves."""
    if config.getoption("--store") == "files":
        return
    out = [item for item in items if item.get_closest_marker("files") or item.get_closest_marker("no_store") or
           item.get_closest_marker("any_store") or {"server", "servers"} & set(item.fixturenames) or
           item.path.name.startswith(("test_postgres", "test_cluster"))]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


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
        stack.remove()


@pytest.fixture
def stack(make_stack):
    return make_stack()


@pytest.fixture
def faults(stack):
    """A disk that can be made to fail: faults("sync 5 events.db-wal"), faults() for a good one again. Whom it is for is
    started with **faults.env."""
    library = os.path.join(stack.dir, "faults.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                    os.path.join(os.path.dirname(__file__), "faults.c"), "-ldl"], check=True)
    path = os.path.join(stack.dir, "faults")

    def set_faults(*lines):
        with open(path + ".new", "w") as f:
            f.write("".join(line + "\n" for line in lines))
        os.rename(path + ".new", path)

    set_faults()
    asan = os.environ.get("ASAN_OPTIONS", "")
    set_faults.env = {"LD_PRELOAD": library, "ZK_FAULTS": path,
                      "ASAN_OPTIONS": (asan + ":" if asan else "") + "verify_asan_link_order=0"}
    return set_faults


@pytest.fixture
def make_backend():
    """Makes backends that note each request and answer as told; all are closed at the end."""
    backends = []

    def make(*args, **kw):
        backends.append(forwarding.Backend(*args, **kw))
        return backends[-1]

    yield make
    for backend in backends:
        backend.close()


@pytest.fixture(scope="session")
def servers():
    s = on_postgres.Servers()
    yield s
    s.close()


@pytest.fixture
def server(servers):
    """A PostgreSQL server that runs; making one takes longer than most tests, so all use the same."""
    yield servers.get()
    servers.rest()
