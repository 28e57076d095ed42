/*
 * The return values of functions.
 *
 *   0    done
 *   < 0  -errno: fatal here, pass it up unchanged
 *   > 0  a named answer of that function: handle it where it is called
 *
 * Codes of SQLite, curl, nng, libuv and msgpack are translated in the one module that wraps
 * each and never leave it. Libraries (common/) return; programs (services/) log.
 *
 * An error is not traced on its way up: it passes unchanged and crosses one border, where a program logs it with an id of
 * that place alone, so that one grep finds the place; a store says more of it in db_problem() (common/store/store.h).
 */
#pragma once

/* Text for a person, for a negative return ("Permission denied"); it has the code's meaning in zapkeep where
 * that differs from errno's own text. For r >= 0 "no error". Static storage. */
const char *err_text(int r);

/*
 * Exit codes of every program. A step of a command that may end it (it prints a problem, or help) returns the exit
 * code, or EXIT_GO_ON when the command goes on.
 */
enum exit_code {
    EXIT_GO_ON = -1,
    EXIT_DONE = 0,        /* success, or stopped on request */
    EXIT_NEGATIVE = 1,    /* condition not met or item not found; a service: it could not go on */
    EXIT_USAGE = 2,       /* wrong usage, a setting that makes no sense */
    EXIT_UNREACHABLE = 3, /* cannot reach, open or own a port, a store or a bridge */
};
