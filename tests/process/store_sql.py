"""SQL of somebody who looks into the tables of a stack, or changes them; they have the same names in a folder and in PostgreSQL."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess


def rows(store, folder, part, statement):
    """The rows that a statement gives, as tuples; a change gives some with RETURNING only. A part is state, events or forward."""
    if store.startswith("postgres"):
        return rows_of_psql(store, part, statement)
    with contextlib.closing(sqlite3.connect(f"file:{folder}/{part}.db?mode=rw", uri=True, timeout=20)) as db, db:
        return db.execute(statement).fetchall()


def rows_of_psql(uri, part, statement):
    """psql gives one JSON array: numbers stay numbers, and bytes are told from texts."""
    has_rows = re.match("select|with", statement, re.I) or re.search("returning", statement, re.I)
    command = f"WITH r AS ({statement}) SELECT coalesce(json_agg(r), '[]') FROM r" if has_rows else statement
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", uri, "-c", command], capture_output=True, text=True,
                          env={**os.environ, "PGOPTIONS": f"-c search_path=zapkeep_{part}"})
    if done.returncode != 0:
        raise RuntimeError(f"{statement}: {done.stderr}")
    return json.loads(done.stdout, object_pairs_hook=lambda row: tuple(value(v) for _, v in row)) if has_rows else []


def value(v):
    return bytes.fromhex(v[2:]) if isinstance(v, str) and re.fullmatch(r"\\x([0-9a-f]{2})*", v) else v
