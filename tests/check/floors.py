#!/usr/bin/python3
"""Reads the include lines and says which of them break the floors of ARCHITECTURE.md.

Each folder may include itself and the folders listed here; each foreign library is included from one folder. Tests may include
everything. `floors.py ROOT` prints the broken lines and exits 1 when there are any.
"""

import os
import re
import sys

# folder -> folders below it that it may use
FLOORS = {
    "common/base": [],
    "common/domain": ["common/base"],
    "proto": ["common/base", "common/domain"],
    "common/bridge": ["common/base", "common/domain"],
    "common/policy": ["common/base", "common/domain"],
    "common/io": ["common/base", "common/domain", "proto"],
    "common/qr": ["common/base"],
    "common/store": ["common/base", "common/domain", "common/policy"],
    "common/reconnect": ["common/base", "common/domain", "common/policy", "common/store"],
    "common/app": ["common/base", "common/domain", "common/policy", "proto", "common/bridge", "common/io", "common/store"],
    "common/sink": ["common/base", "common/domain", "common/bridge", "common/io", "common/store", "common/app"],
    "common/ops": ["common/base", "common/domain", "common/policy", "proto", "common/bridge", "common/io", "common/store", "common/qr",
                   "common/reconnect", "common/app"],
}
SERVICE_USES = [*FLOORS]

# header of a foreign library -> the folder that may include it
FOREIGN = {
    r"openssl/": "common/base",
    r"crypt\.h": "common/base",
    r"msgpack": "proto",
    r"uv\.h": "common/io",
    r"curl/": "common/io",
    r"nng/": "common/io",
    r"sqlite3\.h": "common/store/sqlite",
    r"libpq-fe\.h": "common/store/postgres",
    r"qrencode\.h": "common/qr",
    r"png\.h": "common/qr",
    r"argon2\.h": "services/console",
}

# Headers of libc and the kernel are for everybody; any other header is of a library, which has one home above.
STANDARD = re.compile(r"(assert|ctype|dirent|endian|errno|fcntl|inttypes|libgen|limits|malloc|math|netdb|poll|pthread|pwd|sched|signal|stdarg|stdatomic|"
                      r"stdbool|stddef|stdint|stdio|stdlib|string|strings|termios|time|unistd)\.h$|(arpa|linux|net|netinet|sys)/")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def folder_of(path):
    parts = path.split("/")
    if parts[0] in ("common", "services"):
        return "/".join(parts[:2])
    return parts[0]


def allowed(folder):
    return SERVICE_USES if folder.startswith("services/") else FLOORS[folder]


def problem_of(path, kind, name):
    """The fault of this include line of this file, or None."""
    folder = folder_of(path)
    if folder == "tests":
        return None
    if kind == "<":
        for pattern, home in FOREIGN.items():
            if re.match(pattern, name):
                return None if os.path.dirname(path) == home else f"<{name}> may be included from {home} only"
        return None if STANDARD.match(name) else f"<{name}> is of a library that has no home in floors.py"
    target = folder_of(name)
    if "/" not in name:
        return f'"{name}" is not rooted: write the folder, as "common/base/mem.h"'
    if target == folder or target in allowed(folder):
        return None
    return f"{folder} may not use {target}"


def check(root):
    problems = []
    for top in ("common", "proto", "services"):
        for where, _, files in os.walk(os.path.join(root, top)):
            for name in sorted(files):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.relpath(os.path.join(where, name), root)
                if folder_of(path) not in FLOORS and not path.startswith("services/"):
                    problems.append(f"{path}: its folder is on no floor")
                    continue
                with open(os.path.join(where, name), errors="replace") as f:
                    for number, line in enumerate(f, 1):
                        m = INCLUDE.match(line)
                        problem = problem_of(path, *m.groups()) if m else None
                        if problem:
                            problems.append(f"{path}:{number}: {problem}")
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found))
    sys.exit(1 if found else 0)
