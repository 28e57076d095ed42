"""P2: the search of every output for the marked secrets (secrets_watch.py) finds one wherever a program would show it."""

import base64
import os

import pytest
import secrets_watch
import zk


@pytest.mark.parametrize("shown", [
    zk.TOKEN, f"http://zapkeep:{zk.TOKEN}@host/", base64.b64encode(f"zapkeep:{zk.TOKEN}".encode()).decode()])
def test_a_secret_is_found_in_each_of_its_forms(shown):
    secrets_watch.note("a text", f"before {shown} after")
    with pytest.raises(AssertionError, match="the webhook token in a text"):
        secrets_watch.check()
    secrets_watch.check()  # a finding is reported once


def test_a_secret_is_found_in_logs_files_and_command_lines(stack):
    p = zk.Process("leaks", ["/bin/sh", "-c", 'echo "$0"; sleep 60', zk.TOKEN], {"ZAPKEEP_DATA_DIR": stack.data}, stack.logs)
    stack.processes["leaks"] = p
    zk.wait_until("it is logged", lambda: zk.TOKEN in p.text())
    with pytest.raises(AssertionError, match=r"leaks\.log"):
        stack.check_secrets()
    stack.kill_all()
    os.truncate(p.log_path, 0)
    with pytest.raises(AssertionError, match="cmdline"):
        stack.check_secrets()
    path = stack.file("data/row", zk.TOKEN)
    with pytest.raises(AssertionError, match="data/row"):
        stack.check_secrets()
    os.unlink(path)


def test_answers_and_what_commands_print_are_searched(stack):
    stack.ingest()
    before = secrets_watch.searched
    stack.get_ingest("/metrics")
    assert secrets_watch.searched == before + 1
    stack.cli("--version", check=True)
    assert secrets_watch.searched == before + 3  # stdout and stderr
