#include "services/cli/database_backup.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/cli/output.h"

static int on_line(void *ctx, const char *name, const char *value, const char *problem)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    const bool *json = ctx;

    output_store_line(name, value, problem, *json, &out);
    (void)output_flush(&out);
    return 0;
}

int database_backup(const struct cli_settings *s)
{
    const char *where = app_store(&s->app);
    bool json = s->json;
    int r;

    if (!store_is_server(where))
        return EXIT_GO_ON;
    r = store_report(where, STORE_REPORT_ARCHIVE, on_line, &json);
    if (r != 0)
        return cli_store_problem(where, STATE_DB_FILE, r);
    return cli_problem(
        EXIT_USAGE,
        "nothing was copied: the store is a PostgreSQL database, which is copied by its own tools: pg_dump "
        "--format=custom --file=FILE (all parts at one instant, while everything runs), or pg_basebackup "
        "with "
        "archived WAL (archive_mode, archive_command), which also keeps the minutes since; restore it with "
        "pg_restore, then look at zapkeep store status");
}

int database_restore(const struct cli_settings *s)
{
    if (!store_is_server(app_store(&s->app)))
        return EXIT_GO_ON;
    return cli_problem(
        EXIT_USAGE,
        "nothing was changed: the store is a PostgreSQL database. Stop zapkeep on all machines, pg_restore "
        "--clean --if-exists --dbname=… FILE of pg_dump into it (or start the server from a base backup), "
        "look at zapkeep "
        "store status, then start zapkeep");
}
