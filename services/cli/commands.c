#include "services/cli/commands.h"

#include "services/cli/cli.h"

const struct cli_command cli_commands[] = {
#define X(run, name, args, what) { name, args, what, run },
    CLI_COMMANDS(X)
#undef X
        { 0 },
};
