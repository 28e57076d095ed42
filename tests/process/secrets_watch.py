"""P2: the secrets of all process tests carry a mark, and everything that a program of ours puts out is searched for them:
logs, answers of our ports, what commands print, command lines, files of the data folder.

note() is called where an output is read; check() fails a test at its end when one of them held a secret."""

import base64
import os
import subprocess
import urllib.parse

marked = {}  # the bytes to look for -> the name of the secret
leaks = []
searched = 0

# A test of a full disk makes large files; a secret that is written at all is at their beginning, too.
FILE_BYTES_MAX = 16 << 20


def mark(name, secret):
    """From now on this secret is looked for, in the forms in which programs pass it on. Returns it."""
    forms = {secret, urllib.parse.quote(secret, safe="")}
    for user in ("zapkeep:", "token:", "", ":"):  # as HTTP's Basic has it
        forms.add(base64.b64encode((user + secret).encode()).decode().rstrip("="))
    if secret.startswith("whsec_"):
        key = secret.removeprefix("whsec_")
        forms |= {key, key.rstrip("="), base64.b64decode(key).decode("latin-1")}
    marked.update({form.encode("latin-1"): name for form in forms})
    return secret


TOKEN = mark("the webhook token", "hook-token-0b71fae5")
KEY = mark("the bridge's key", "api-key-93c2d4f8")


def note(where, output):
    global searched
    data = output.encode("utf-8", "surrogateescape") if isinstance(output, str) else output or b""
    searched += 1
    for form, name in marked.items():
        at = data.find(form)
        if at >= 0:
            leaks.append(f"{name} in {where}: …{data[max(at - 80, 0):at + len(form) + 20]!r}…")


def note_file(path):
    with open(path, "rb") as f:
        note(path, f.read(FILE_BYTES_MAX))


def note_folder(folder):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not os.path.islink(path):
            note_file(path)


def note_command_line(pid):
    try:
        note_file(f"/proc/{pid}/cmdline")
    except OSError:
        pass  # it has ended


def watch_commands(folder):
    """The output of any program of this folder to a test that runs it."""
    communicate = subprocess.Popen.communicate

    def watched(popen, *args, **how):
        out, err = communicate(popen, *args, **how)
        program = popen.args[0] if isinstance(popen.args, (list, tuple)) else popen.args
        if str(program).startswith(folder):
            note(f"stdout of {popen.args}", out)
            note(f"stderr of {popen.args}", err)
        return out, err

    subprocess.Popen.communicate = watched


def check():
    found = leaks[:]
    leaks.clear()
    assert not found, "a secret was shown:\n" + "\n".join(found)
