/* The store as it says of itself: its server's promises, its standbys, its archive, the roles. */
#include <errno.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "services/console/handlers.h"
#include "services/console/store_run.h"

void handle_store(struct exchange *e)
{
    int r = store_run_answer(e->c->store, e);

    if (r == -EBUSY)
        exchange_error(e, 429, "busy", "too many wait for the report of the store; try again in 30 s");
    else if (r != 0)
        exchange_error(e, 503, "no_program", "the program zapkeep cannot be run: %s; set ZAPKEEP_CONSOLE_CLI",
                       err_text(r));
}
