"""Every row of the table "Attacks" of SECURITY.md names its tests, and each of them is there: attacks.py ROOT.

A test is written as `file: name` with the file's path below tests/, or as `file` for a whole program (a fuzz target, a check)."""

import os
import re
import sys

PAGE = "SECURITY.md"
HEADING = "## Attacks"
ROWS_MIN = 30  # a table that lost its rows is noticed


def rows(text):
    """(line number, cells) of the table below the heading."""
    lines = text.split("\n")
    if HEADING not in lines:
        return
    for i in range(lines.index(HEADING) + 1, len(lines)):
        if lines[i].startswith("## "):
            return
        if lines[i].startswith("| ") and not lines[i].startswith("| attack"):
            yield i + 1, [cell.strip() for cell in lines[i].strip("|").split("|")]


def is_there(root, test):
    path, _, name = test.partition(": ")
    full = os.path.join(root, "tests", path)
    if not os.path.exists(full):
        return False
    if not name:
        return True
    with open(full, encoding="utf-8") as f:
        return re.search(r"(?<![A-Za-z0-9_])" + re.escape(name) + r"(?![A-Za-z0-9_])", f.read()) is not None


def check(root, rows_min=ROWS_MIN):
    found, n = [], 0
    with open(os.path.join(root, PAGE), encoding="utf-8") as f:
        text = f.read()
    for line, cells in rows(text):
        n += 1
        tests = re.findall(r"`([^`]+)`", cells[-1])
        if len(cells) != 3 or not tests:
            found.append(f"{PAGE}:{line}: a row is attack, what happens, `file: test`")
        found += [f"{PAGE}:{line}: there is no test {test}" for test in tests if not is_there(root, test)]
    if n < rows_min:
        found.append(f"{PAGE}: {n} rows below \"{HEADING}\", at least {rows_min}")
    return found


if __name__ == "__main__":
    problems = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(problems))
    sys.exit(1 if problems else 0)
