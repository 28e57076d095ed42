#!/usr/bin/python3
"""Holds every service's DESIGN.md against its folder: its section "Code layout" names each source file, and no other.

The section "Where to look" of ARCHITECTURE.md names files, and functions of the file before them: each has to be there."""

import os
import re
import sys

HEADINGS = ["Overview", "Configuration", "Invariants", "Failure modes", "Limits", "Code layout"]
# The headings of pages that have not been rewritten yet.
OLD_HEADINGS = ["Invocation", "Settings", "What it does", "What is true at all times", "Code structure"]


def check(root):
    problems = []
    services = os.path.join(root, "services")
    for service in sorted(os.listdir(services)):
        folder = os.path.join(services, service)
        if not os.path.isdir(folder) or not os.path.exists(os.path.join(folder, "CMakeLists.txt")):
            continue
        design = os.path.join(folder, "DESIGN.md")
        if not os.path.exists(design):
            problems.append(f"services/{service}: has no DESIGN.md")
            continue
        with open(design) as f:
            text = f.read()
        old = "## Code structure" in text
        problems += [f"services/{service}/DESIGN.md: has no section \"{h}\"" for h in (OLD_HEADINGS if old else HEADINGS)
                     if not re.search(rf"^## {h}$", text, re.M)]
        structure = text.partition("## Code structure" if old else "## Code layout")[2]
        named = set(re.findall(r"`([\w.-]+\.[ch])`", structure))
        there = {name for name in os.listdir(folder) if name.endswith((".c", ".h"))}
        problems += [f"services/{service}/DESIGN.md: names {n}, which is not there" for n in sorted(named - there)]
        problems += [f"services/{service}/DESIGN.md: does not name {n}" for n in sorted(there - named)]
    return problems


def check_paths(root):
    """`folder/file.c`: `function()`, `another()` in the section "Where to look"."""
    with open(os.path.join(root, "ARCHITECTURE.md")) as f:
        section = f.read().partition("\n## Where to look\n")[2].partition("\n## ")[0]
    problems, name, text = [] if section else ["ARCHITECTURE.md: has no section \"Where to look\""], None, ""
    for file, function in re.findall(r"`([\w./-]+\.(?:[ch]|py))`|`(\w+)\(\)`", section):
        if file:
            name, path = file, os.path.join(root, file)
            text = open(path).read() if os.path.exists(path) else ""
            problems += [] if text else [f"ARCHITECTURE.md: names {file}, which is not there"]
        elif not re.search(rf"^[\w *]+\b{function}\(", text, re.M):
            problems.append(f"ARCHITECTURE.md: {name} has no function {function}()")
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1]) + check_paths(sys.argv[1])
    print("\n".join(found))
    sys.exit(1 if found else 0)
