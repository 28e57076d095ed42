#!/usr/bin/python3
"""One id for one message: a log id that stands before two different messages is an error, as is an error's text under another key than "error".

The ids are what an operator searches for: `log_warn("destination-off", "…", …)` is the only place with this id and another message.
"""

import glob
import os
import re
import sys

CALL = re.compile(r'\blog_(?:debug|info|warn|error)\(\s*"([\w.-]+)",\s*((?:"(?:\\.|[^"\\])*"\s*)+),?', re.S)
ERROR = re.compile(r'\bK[SI]\("(\w+)",\s*(?:err_text|db_problem)\(')


def check(root):
    messages, problems = {}, []
    for path in sorted(glob.glob(os.path.join(root, "common/**/*.c"), recursive=True) +
                       glob.glob(os.path.join(root, "services/**/*.c"), recursive=True)):
        with open(path) as f:
            text = f.read()
        name = os.path.relpath(path, root)
        for m in CALL.finditer(text):
            message = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', m.group(2)))
            first, where = messages.setdefault(m.group(1), (message, name))
            if first != message:
                problems.append(f'{name}: the id {m.group(1)} has another message in {where}')
        problems += [f'{name}: the error\'s text is under the key {m.group(1)}, not error' for m in ERROR.finditer(text)
                     if m.group(1) != "error"]
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found))
    sys.exit(1 if found else 0)
