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
        "nothing was copied: the store is a PostgreSQL database, which is copied by its own tools, while "
        "everything runs and all parts at one instant:\n\n"
        "    pg_dump --format=custom --schema='zapkeep*' --file=zapkeep.dump \"$ZAPKEEP_STORE\"\n\n"
        "or pg_basebackup with archived WAL (archive_mode, archive_command), which also keeps the minutes "
        "since. zapkeep restore says how it is put back");
}

int database_restore(const struct cli_settings *s)
{
    if (!store_is_server(app_store(&s->app)))
        return EXIT_GO_ON;
    return cli_problem(
        EXIT_USAGE,
        "nothing was changed: the store is a PostgreSQL database. Stop zapkeep on all machines, put the dump "
        "into it in place of what is there (the first line; an empty database needs it not) or start the "
        "server from a base backup, look at it, then start zapkeep:\n\n"
        "    PGTARGETSESSIONATTRS=read-write psql \"$ZAPKEEP_STORE\" -c 'DROP SCHEMA IF EXISTS zapkeep, "
        "zapkeep_state, zapkeep_events, "
        "zapkeep_forward CASCADE'\n"
        "    PGTARGETSESSIONATTRS=read-write pg_restore --single-transaction --dbname=\"$ZAPKEEP_STORE\" "
        "zapkeep.dump\n"
        "    zapkeep store status\n\n"
        "The tools take the password from .pgpass or PGPASSWORD, not from ZAPKEEP_STORE_PASSWORD_FILE");
}
