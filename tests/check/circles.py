#!/usr/bin/python3
"""Draws the include graph inside each folder and fails on a circle.

A module is a .c file and the .h file of the same name. A folder is taken together with the folders in it. Modules that include
each other in a circle cannot be understood, tested or replaced one by one. `circles.py ROOT` prints each circle and exits 1 when there is one.

    circles.py ROOT --draw FOLDER   the graph of one folder as text: module -> the modules it includes
"""

import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
TOPS = ("common", "proto", "services", "tests")

# Folders that still have a circle. A folder leaves this list with its last circle, and none comes in.
TANGLED = set()


def sources_of(root, folder):
    """Paths of the .c and .h files in the folder and below it, as an include line names them."""
    for where, _, names in os.walk(os.path.join(root, folder)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(where, name), root)


def module_of(path, folder):
    return os.path.relpath(path, folder).rpartition(".")[0]


def graph_of(root, folder):
    """{module: modules of the same folder, or of one below it, that it includes}"""
    graph = {}
    for path in sources_of(root, folder):
        with open(os.path.join(root, path), errors="replace") as f:
            included = INCLUDE.findall(f.read())
        uses = graph.setdefault(module_of(path, folder), set())
        uses |= {module_of(i, folder) for i in included if i.startswith(folder + "/")}
        uses.discard(module_of(path, folder))
    return {module: sorted(u for u in uses if u in graph) for module, uses in graph.items()}


def circles_of(graph):
    """The strongly connected groups of more than one module (Tarjan's algorithm, without recursion)."""
    index, low, on_stack, stack, groups = {}, {}, set(), [], []
    for start in graph:
        if start in index:
            continue
        work = [(start, iter(graph[start]))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, uses = work[-1]
            child = next(uses, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    if len(group) > 1:
                        groups.append(sorted(group))
            elif child not in index:
                index[child] = low[child] = len(index)
                stack.append(child)
                on_stack.add(child)
                work.append((child, iter(graph[child])))
            elif child in on_stack:
                low[node] = min(low[node], index[child])
    return groups


def folders_of(root):
    for top in TOPS:
        for where, _, files in os.walk(os.path.join(root, top)):
            if any(name.endswith((".c", ".h")) for name in files):
                yield os.path.relpath(where, root)


def check(root, tangled=frozenset()):
    problems = []
    for folder in sorted(folders_of(root)):
        circles = circles_of(graph_of(root, folder))
        if folder in tangled:
            problems += [] if circles else [f"{folder}: has no circle any more: take it out of TANGLED in circles.py"]
        else:
            problems += [f"{folder}: these files include each other in a circle: {' '.join(c)}" for c in circles]
    return problems


def main(root, arguments):
    if arguments[:1] == ["--draw"]:
        for module, uses in graph_of(root, arguments[1]).items():
            print(f"{module} -> {' '.join(uses) or '(none)'}")
        return 0
    found = check(root, TANGLED)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
