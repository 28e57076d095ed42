/*
 * A state.db that somebody else wrote: any bytes are opened or refused, and each row that is read from it is
 * readable. Rows of the wrong kind, tables that are views, pages that point anywhere.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/store/alerts.h"
#include "common/store/bridges.h"
#include "common/store/db.h"
#include "common/store/sessions.h"
#include "common/store/store.h"
#include "tests/fuzz/input.h"
#include "tests/unit/test_folder.h"

static char dir[] = "/tmp/zk-fuzz-XXXXXX";
static uint64_t sum; /* of the rows that are read: it has to be readable */

static void path_of(const char *suffix, char *ret, size_t n)
{
    (void)snprintf(ret, n, "%s/" STATE_DB_FILE "%s", dir, suffix);
}

static void clean(void)
{
    static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
    char path[64];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        path_of(suffixes[i], path, sizeof path);
        (void)unlink(path);
    }
}

static void touch(const char *text)
{
    while (*text)
        sum += (unsigned char)*text++;
}

static int on_session(void *ctx, const struct session_row *row)
{
    touch(row->id);
    touch(row->raw_status);
    touch(row->phone);
    return 0;
}

static int on_bridge(void *ctx, const struct bridge_row *row)
{
    touch(row->name);
    touch(row->health_detail);
    return 0;
}

static int on_alert(void *ctx, const struct alert_row *row)
{
    return 0;
}

static void write_file(const uint8_t *data, size_t n)
{
    char path[64];
    int fd;

    path_of("", path, sizeof path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, data, n) == (ssize_t)n && close(fd) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool made;
    struct db *db = NULL;

    if (!made) {
        MUST(test_folder(dir) != NULL);
        made = true;
    }
    write_file(data, n);
    if (db_open_state_reader(dir, &db) == 0) {
        (void)sessions_each(db, NULL, on_session, NULL);
        (void)bridges_each(db, on_bridge, NULL);
        (void)alerts_each(db, NULL, on_alert, NULL);
        db_close(db);
    }
    clean();
    return 0;
}
