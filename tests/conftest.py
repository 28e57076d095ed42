"""The folders of tmp_path are gone at the end of a run: pytest keeps those of its last three."""

import shutil
import tempfile

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest decides where they are
def pytest_configure(config):
    if config.option.basetemp:  # by hand, or in a worker of xdist
        return
    config.option.basetemp = tempfile.mkdtemp(prefix="zk-tests-")
    config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))
