"""Files of the data folder are for their owner and his group alone; secrets are one word, and none is shown."""

import os
import stat
import subprocess

import pytest
import zk


def modes(folder):
    return {name: stat.S_IMODE(os.stat(os.path.join(at, name)).st_mode) for at, _, names in os.walk(folder) for name in names
            if os.path.isfile(os.path.join(at, name))}


def test_no_file_of_any_service_is_for_others_whatever_the_umask(stack):
    old = os.umask(0o022)
    try:
        stack.hub()
        stack.ingest()
        stack.sim()
        stack.monitor()
        p = stack.start("forward", "zapkeep-forward", "--admin-listen", "off", BACKEND_URL="http://127.0.0.1:1")
        zk.wait_until("it delivers", lambda: "msg=delivering" in p.text(), needs=p)
        copy = os.path.join(stack.dir, "copy")
        os.mkdir(copy)
        if not stack.store:
            stack.cli("backup", copy, check=True)
    finally:
        os.umask(old)
    assert modes(stack.data)
    for folder in (stack.data, copy):
        for name, mode in modes(folder).items():
            assert mode & 0o007 == 0, f"{name} is {oct(mode)}"
    assert modes(copy).get("events.db") == modes(stack.data).get("events.db")


@pytest.mark.files
def test_a_link_in_the_data_folder_is_not_followed(stack):
    victim = os.path.join(stack.dir, "victim")
    with open(victim, "w") as f:
        f.write("root:x:0:0")
    os.symlink(victim, os.path.join(stack.data, "events.lock"))
    p = stack.ingest(ready=False)
    assert p.popen.wait(zk.PATIENCE) == 3
    assert "symbolic link" in p.text()
    with open(victim) as f:
        assert f.read() == "root:x:0:0"


def start(program, **env):
    return subprocess.run([os.path.join(zk.BIN, program)], env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True,
                          timeout=zk.PATIENCE)


def test_a_secret_that_is_none_stops_the_program_by_name(stack):
    empty = os.path.join(stack.dir, "empty")
    open(empty, "w").close()
    for env in ({"WEBHOOK_AUTH_TOKEN_FILE": empty}, {"WEBHOOK_AUTH_TOKEN": "two words"}, {"WEBHOOK_AUTH_TOKEN": "pasted\n"},
                {"WEBHOOK_AUTH_TOKEN": "whsec_dG9vIHNob3J0"}):
        p = start("zapkeep-ingest", ZAPKEEP_DATA_DIR=stack.data, ZAPKEEP_INGEST_LISTEN="127.0.0.1:0", **env)
        assert p.returncode == 2 and "WEBHOOK_AUTH_TOKEN" in p.stderr, p
        assert "pasted" not in p.stderr and "words" not in p.stderr.replace("one word", "") and "dG9v" not in p.stderr


def test_what_a_program_was_started_with_is_logged_without_secrets(stack):
    p = stack.start("monitor", "zapkeep-monitor", "--admin-listen", "off", "--whatsapp-api-key", "key-SECRET",
                    WHATSAPP_API_URL="http://user:url-SECRET@127.0.0.1:1/path-SECRET?key=query-SECRET", CHECK_INTERVAL="7s")
    zk.wait_until("it says so", lambda: "secret-in-flag" in p.text() and "bridge-unreachable" in p.text(), needs=p)
    assert "CHECK_INTERVAL=7s" in p.text() and "WHATSAPP_API_KEY=(set)" in p.text() and "http://127.0.0.1:1/" in p.text()
    assert "SECRET" not in p.text()
