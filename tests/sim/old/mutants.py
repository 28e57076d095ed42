#!/usr/bin/env python3
"""Deliberate faults in a copy of the code: the simulation must catch each of them.

    mutants.py list                    "name file" of each, for CMake
    mutants.py make NAME SOURCE OUT    SOURCE with the fault, written to OUT
    mutants.py run BUILD               builds and runs all; fails when one is not caught

A fault whose text is not in the code any more is an error, so that none is tested in vain.
"""

import os
import re
import subprocess
import sys

RETRY, VERDICT = "common/policy/retry.c", "common/policy/verdict.c"
BUCKET = "common/policy/bucket.c"
CLAIM, RECORD, ROWS, STEADY = "common/reconnect/claim.c", "common/reconnect/record.c", "common/store/reconnects.c", "common/store/steady.c"
ATTEMPTS = "common/store/attempts.c"

# name: (file, what stands there, what is put in its place, a word of the promise that breaks)
MUTANTS = {
    "no-spacing": (VERDICT, "return r->last_sent > 0 && now < next ? NO(SPACING, next) : READY(now);",
                   "return READY(now + 0 * next);", "R2"),
    "spacing-10ms-short": (VERDICT, "int64_t next = r->last_sent + policy_spacing_ms(p);",
                           "int64_t next = r->last_sent + policy_spacing_ms(p) - 10;", None),
    "dead-worker-not-counted": (RETRY, "n.last_sent = now + p->sent_ms;", "n.last_sent = r->last_sent;", "R2"),
    "sent-when-claimed": (RETRY, "(call->sent_after_ms > 0 ? call->sent_after_ms : 0)", "0", "R2"),
    "at-once-again": (RETRY, "n.at_once_used = r->at_once_used || r->reason == RETRY_FOR_AT_ONCE;", "", "R2"),
    "time-by-the-wall": (STEADY, "    if (same_boot)\n        return boot_ms - a->boot_ms;\n    return by_wall < boot_ms ? by_wall : boot_ms;",
                         "    return by_wall + 0 * (boot_ms + same_boot);", "R"),
    "time-by-the-boot": (STEADY, "return by_wall < boot_ms ? by_wall : boot_ms;", "return boot_ms + by_wall;", "R"),
    "lease-cut-short": (CLAIM, "reconnects_first_lapsed(c->db, c->o->bridge, c->now.steady_ms,",
                        "reconnects_first_lapsed(c->db, c->o->bridge, c->now.steady_ms + 20000,", "R1"),
    "no-fence": (RECORD, "if (row.retry.token != token || row.retry.phase != RETRY_CALLING)",
                 "if (row.retry.phase != RETRY_CALLING)", "R1"),
    "claimed-twice": (RETRY, "n.phase = RETRY_CALLING;", "n.phase = RETRY_DUE;", "R"),
    "in-flight-unlimited": (VERDICT, "if (b->in_flight >= p->in_flight_max)", "if (b->in_flight < 0)", "in flight"),
    "half-a-token": (BUCKET, "n.micro -= TOKEN_MICRO;", "n.micro -= TOKEN_MICRO / 2;", "R3"),
    "no-slow-start": (BUCKET, "    n.slow_from = now;\n    n.micro = clamp(n.micro, 0, size_micro(p, &n, now));",
                      "", "R3"),
    "bucket-counts-twice": (BUCKET, "        n.at = now;\n    }\n    return n;", "        n.at = now - 1;\n    }\n    return n;", "R3"),
    "bridge-down-ignored": (VERDICT, "if (b->health == BRIDGE_HEALTH_DOWN)", "if (b->health == BRIDGE_HEALTH_DOWN && 0)", None),
    "incident-ignored": (VERDICT, "if (b->incident)", "if (b->incident && 0)", "R4"),
    "outdated-ignored": (VERDICT, "if (b->outdated)", "if (b->outdated && 0)", "R4"),
    "breaker-ignored": (VERDICT, "v = breaker_verdict(p, &b->breaker, now);\n    if (v.why != WHY_READY)\n        return v;\n    if (now < b->hook",
                        "(void)breaker_verdict;\n    if (v.why != WHY_READY)\n        return v;\n    if (now < b->hook", "R4"),
    "monitor-may-be-dead": (VERDICT, "return now >= b->fresh_until ? NO(MONITOR_SILENT, 0) : READY(now);", "return READY(now);", "R4"),
    "attempted-unseen": (VERDICT, "if (!seen && is_spaced(r))", "if (!seen && is_spaced(r) && 0)", "R4"),
    "poll-attempted-at-once": (RETRY, "return plan == PLAN_ASK ? later(p->grace_ms, p->cause_grace_ms) : p->grace_ms;",
                               "return p->grace_ms + 0 * (int64_t)plan;", "R4.*cause"),
    "connected-and-due": (VERDICT, "    case SESSION_CONNECTED:\n        return NO(CONNECTED, 0);",
                          "    case SESSION_CONNECTED:\n        return READY(0);", "R4"),
    "park-forgotten": (RETRY, "else if (r->phase != RETRY_PARKED || park == RETRY_PARK_OPERATOR)", "else if (park == RETRY_PARK_N)", "R4"),
    "never-repaired": (CLAIM, "i < RETRY_REPAIR_MAX", "i < 0", "nobody"),
    "put-off-too-far": (RETRY, "        n.due_at = v.until - now < PUT_OFF_MAX_MS ? v.until : now + PUT_OFF_MAX_MS;", "        n.due_at = v.until + PUT_OFF_MAX_MS;", "R5"),
    "put-off-for-long": (RETRY, "        n.due_at = now + LOOK_AGAIN_MS;", "        n.due_at = now + 20 * LOOK_AGAIN_MS;", "R5"),
    "drop-not-put-up": (RETRY, "    case RETRY_IDLE:\n        drop_by_plan(p, r, plan, now);", "    case RETRY_IDLE:\n        if (r->failures == 0)\n            drop_by_plan(p, r, plan, now);", "R5"),
    "old-time-kept": (RETRY, "    if (r->reason != RETRY_FOR_AGAIN)\n        r->due_at = 0;", "", "R5"),
    "taken-is-success": (RETRY, "    r->phase = RETRY_VERIFYING;\n", "    set_over(r);\n    return ATTEMPT_SUCCEEDED;\n", "R6"),
    "unconfirmed-is-success": (RETRY, "*ret_outcome = r->phase == RETRY_CALLING ? ATTEMPT_WORKER_LOST : ATTEMPT_UNCONFIRMED;",
                               "*ret_outcome = ATTEMPT_SUCCEEDED;", "R6"),
    "faults-count": (RETRY, "r->failures += counts && r->reason", "r->failures += r->reason", "of its own"),
    "told-twice": (ATTEMPTS, "UPDATE attempt SET published = 1", "UPDATE attempt SET published = 0", "told"),
    "never-told": (ATTEMPTS, "parked = ?5, published = 0,", "parked = ?5, published = 1,", "parked after"),
}
# No word: not to be caught, because a second line of defence holds (the time it is due; the incident that a bridge
# that is down always is).
SEEDS = 400


def make(name, source, out):
    _, old, new, _ = MUTANTS[name]
    with open(source) as f:
        text = f.read()
    if text.count(old) != 1:
        sys.exit(f"mutant {name}: {source} holds its text {text.count(old)} times")
    with open(out, "w") as f:
        f.write(text.replace(old, new))


def run_one(build, name):
    program = os.path.join(build, "tests", "mutants", f"zk-sim-{name}")
    done = subprocess.run(["timeout", "120", program, "--seeds", str(SEEDS)], capture_output=True, text=True)
    caught = done.returncode != 0
    word = MUTANTS[name][3]
    first = done.stdout.splitlines()[0] if done.stdout else "(timeout)"
    if word is None:
        return not caught, f"(harmless by itself) {first}"
    return caught and re.search(word, first) is not None, first


def run(build):
    subprocess.run(["cmake", "--build", build, "--target", "zk-sim-mutants"], check=True, stdout=subprocess.DEVNULL)
    bad = 0
    for name in MUTANTS:
        good, words = run_one(build, name)
        bad += not good
        print(f"{'caught ' if good else 'MISSED '} {name}: {words}")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1] == "list":
        print("\n".join(f"{name} {m[0]}" for name, m in MUTANTS.items()))
    elif sys.argv[1] == "make":
        make(*sys.argv[2:5])
    else:
        sys.exit(run(sys.argv[2]))
