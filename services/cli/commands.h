/*
 * Every command, one line each: X(function, name, arguments, what it does). Sorted by what an operator does
 * first.
 */
#pragma once

#define CLI_COMMANDS(X) \
    X(cmd_probe, "probe", "URL", "ask a /health or /ready URL; exit 0 when it answers 200")

#define X(run, name, args, what) int run(int argc, char *argv[]);
CLI_COMMANDS(X)
#undef X
