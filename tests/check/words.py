#!/usr/bin/python3
"""Holds comments and pages to plain English.

A sentence names its actor. This check counts the clauses whose subject or object is a headless "what", "whatever", "who" or
"whoever" per 1,000 words of comments (.c, .h, .js, .py, .sh) and pages
(.md). `words.py ROOT` prints the worst files and exits 1 when the whole tree is above LIMIT.

    words.py ROOT             the whole tree
    words.py ROOT PATH…       every place in these files or folders
"""

import os
import re
import subprocess
import sys

# dqlite has 0.25, kivaloo 0.35, dbus-broker 0.39 in a thousand.
LIMIT = 1.25

PAGE = re.compile(r"\.md$")
C_LIKE = re.compile(r"\.(c|h|js|mjs)$")
HASH_LIKE = re.compile(r"\.(py|sh|cmake)$|(^|/)(run|CMakeLists\.txt)$")

# "who" after a noun is an ordinary relative clause ("an operator who restarts it"); after these words it has no noun.
NO_NOUN = r"(?:^|[.;:,(\"“]|\b(?:and|or|but|of|to|by|for|from|with|is|says?|tells?|shows?|only|than|as|if|that|knows?|on|in|not))\s*$"
HEADLESS = re.compile(r"\b(what|whatever|whoever|who)\b", re.I)


def comment_text(path, text):
    """The prose of a file: its comments, or the whole page without code."""
    if PAGE.search(path):
        text = re.sub(r"^(```|~~~).*?^\1", " ", text, flags=re.M | re.S)
        text = re.sub(r"^ {4,}.*$", " ", text, flags=re.M)
        return re.sub(r"`[^`]*`", " X ", text)
    if C_LIKE.search(path):
        parts = re.findall(r"/\*.*?\*/|//[^\n]*", re.sub(r'"(\\.|[^"\\\n])*"', '""', text), flags=re.S)
        return "\n\n".join(re.sub(r"^\s*(/\*+|\*/|\*|//)|\*/", " ", p, flags=re.M) for p in parts)
    parts = re.findall(r"^\s*#(?!!)(.*)$", text, flags=re.M) + re.findall(r'"""(.*?)"""', text, flags=re.S)
    return "\n".join(parts)


def headless(text):
    """The places of a text that break the rule, each with some words around it."""
    text = re.sub(r"\s+", " ", text)
    found = []
    for m in HEADLESS.finditer(text):
        before, after = text[max(0, m.start() - 60):m.start()], text[m.end():m.end() + 80]
        end = re.search(r"[.?!:;]", after)
        if end and end.group() == "?":
            continue  # a question
        if m.group().lower() == "who" and not re.search(NO_NOUN, before.rstrip(), re.I):
            continue
        found.append((before[-40:] + m.group() + after[:40]).strip())
    return found


def files_of(root, under=("",)):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout.split("\0")
    for path in sorted(filter(None, listed)):
        if not any(path == u or path.startswith(u.rstrip("/") + "/") or u == "" for u in under):
            continue
        if PAGE.search(path) or C_LIKE.search(path) or HASH_LIKE.search(path):
            if os.path.isfile(os.path.join(root, path)):
                yield path


def count(root, under=("",)):
    """[(path, words, places)] of each file that has prose."""
    rows = []
    for path in files_of(root, under):
        with open(os.path.join(root, path), errors="replace") as f:
            text = comment_text(path, f.read())
        words = len(re.findall(r"[A-Za-z][A-Za-z'’-]*", text))
        if words:
            rows.append((path, words, headless(text)))
    return rows


def rate(rows):
    return 1000 * sum(len(p) for _, _, p in rows) / max(1, sum(w for _, w, _ in rows))


def main(root, under):
    rows = count(root, under or ("",))
    if under:
        for path, _, places in rows:
            for place in places:
                print(f"{path}: …{place}…")
    found = rate(rows)
    print(f"{found:.2f} headless what/who per 1,000 words ({sum(w for _, w, _ in rows)} words; at most {LIMIT})")
    if found <= LIMIT:
        return 0
    for path, words, places in sorted(rows, key=lambda row: -len(row[2]))[:25]:
        print(f"  {len(places):4} in {words:6} words  {path}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
