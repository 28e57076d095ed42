#!/usr/bin/python3
"""deploy/SETTINGS.md names every setting of every program, with its default: `settings_page.py BIN-DIR` compares the page with the
--help of the programs, `settings_page.py BIN-DIR --write` writes it anew."""

import os
import re
import subprocess
import sys

PROGRAMS = {"zapkeep-hub": "hub", "zapkeep-ingest": "ingest", "zapkeep-monitor": "monitor", "zapkeep-reconnect": "worker",
            "zapkeep-forward": "forwarder", "zapkeep-console": "console"}
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/SETTINGS.md")
HEAD = """# Settings

Every setting of every program, as `--help` prints it; the common ones are explained in README. Each is an environment variable or a flag
(`CHECK_INTERVAL=30s`, `--check-interval=30s`). Durations take ms, s, m, h, d. A secret NAME may also stand in the file that NAME_FILE names. In a
section of ZAPKEEP_BRIDGES any setting of the monitor's rules and of reconnection may stand, in lower case. The reason for each number of the
monitor and of reconnection is beside it in `common/app/rules_settings.c` and `common/app/policy_settings.c`.

| setting | default | meaning | programs |
|---|---|---|---|
"""
ROW = re.compile(r"^  --\S+ +([A-Z][A-Z0-9_]+) +(.*?)(?: \[([^\]]*)\])?$")


def read(bin_dir):
    """{setting: (default, meaning, [programs])} of the programs that are built."""
    found = {}
    for program, short in PROGRAMS.items():
        path = os.path.join(bin_dir, program)
        text = subprocess.run([path, "--help"], capture_output=True, text=True, check=True).stdout if os.path.exists(path) else ""
        for name, meaning, default in (m.groups() for m in map(ROW.match, text.splitlines()) if m):
            found.setdefault(name, (default or "", meaning.replace("of the hub;", "of the program;"), []))[2].append((short, default or ""))
    return found


def default_of(row):
    """One, or that of each program where they differ."""
    defaults = {default for _, default in row[2]}
    return row[0] if len(defaults) == 1 else ", ".join(f"{short} {default}" for short, default in row[2])


def programs_of(row, n):
    return "all" if len(row[2]) == n else ", ".join(short for short, _ in row[2])


def render(found):
    rows = ("| {} | {} | {} | {} |\n".format(name, default_of(row) or "–", row[1].replace("|", "\\|"), programs_of(row, len(PROGRAMS)))
            for name, row in sorted(found.items()))
    return HEAD + "".join(rows)


def is_complete(bin_dir):
    return all(os.path.exists(os.path.join(bin_dir, program)) for program in PROGRAMS)


def problems(bin_dir):
    """What the page lacks, or has too much: a setting, or its default."""
    with open(PAGE) as f:
        page = dict(line.split(" | ")[0:2] for line in f.read().splitlines() if line.startswith("| ") and not line.startswith("| setting"))
    page = {name.removeprefix("| "): default for name, default in page.items()}
    want = {name: default_of(row) or "–" for name, row in read(bin_dir).items()}
    return ([f"{name} is not in deploy/SETTINGS.md" for name in want.keys() - page.keys()] +
            [f"{name} is in deploy/SETTINGS.md, and no program has it" for name in page.keys() - want.keys() if is_complete(bin_dir)] +
            [f"{name}: the default is {want[name]}, and deploy/SETTINGS.md says {page[name]}"
             for name in want.keys() & page.keys() if is_complete(bin_dir) and want[name] != page[name]])


if __name__ == "__main__":
    if "--write" in sys.argv:
        with open(PAGE, "w") as out:
            out.write(render(read(sys.argv[1])))
    found_problems = problems(sys.argv[1])
    print("\n".join(sorted(found_problems)))
    sys.exit(1 if found_problems else 0)
