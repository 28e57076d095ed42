/*
 * zapkeep restore DIR: puts the copies of zapkeep backup in place of the stores.
 *
 * The copies are checked and copied under another name first; then the stores in the data folder are moved
 * aside, with their journals and write-ahead logs, and the copies get their names. A failure before that
 * changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/forward.h"
#include "common/store/sqlite/backup.h"
#include "common/store/sqlite/folder_use.h"
#include "common/store/store.h"
#include "services/cli/audit.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/database_backup.h"

#define PATH_BYTES 4200
#define COPY_BYTES (64 * 1024)

static const char *const stores[] = { STATE_DB_FILE, FORWARD_DB_FILE, EVENTS_DB_FILE };
/* The files beside a store that belong to it alone. */
static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", "-id" };
/* Acknowledgements that forward.db does not hold yet. */
#define ACKS_FILE "forward.acks"

struct restore {
    const char *from, *to; /* folders */
    bool has[ARRAY_LEN(stores)];
    char aside[PATH_BYTES];
    int n_moved;
    struct folder_use use;
};

/* ---- is everything stopped? ------------------------------------------------------------------ */

/* Held until the end, so that no service starts meanwhile. */
static int check_stopped(struct restore *r)
{
    if (folder_use_hold(r->to, &r->use) == 0)
        return EXIT_GO_ON;
    return cli_problem(EXIT_UNREACHABLE, "%s: stop zapkeep first", r->use.detail);
}

/* ---- the copies ------------------------------------------------------------------------------ */

static int check_copies(struct restore *r)
{
    char problem[PATH_BYTES + 256];
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        int rc = db_verify(r->from, stores[i]);

        if (rc != 0 && rc != -ENOENT)
            return cli_problem(EXIT_UNREACHABLE, "%s; nothing was changed",
                               db_problem(r->from, stores[i], rc, problem, sizeof problem));
        r->has[i] = rc == 0;
        any = any || r->has[i];
    }
    return any ? -1
               : cli_problem(EXIT_USAGE,
                             "there is no copy of a store in %s; give the folder of zapkeep backup", r->from);
}

static int copy_bytes(int in, int out)
{
    CLEANUP(mem_freep) char *chunk = mem_alloc(COPY_BYTES);
    ssize_t n = chunk ? 0 : -1;

    while (chunk && (n = read(in, chunk, COPY_BYTES)) > 0) {
        if (write(out, chunk, (size_t)n) != n)
            return errno ? -errno : -ENOSPC;
    }
    if (n < 0)
        return chunk ? -errno : -ENOMEM;
    return fsync(out) == 0 ? 0 : -errno;
}

/* The copy belongs to the owner of the folder, also when root restores. */
static void give_to_owner(int fd, const char *folder)
{
    struct stat st;

    if (geteuid() == 0 && stat(folder, &st) == 0)
        (void)!fchown(fd, st.st_uid, st.st_gid);
}

static int copy_in(const struct restore *r, const char *file)
{
    char from[PATH_BYTES], part[PATH_BYTES];
    int in, out;
    int rc;

    (void)snprintf(from, sizeof from, "%s/%s", r->from, file);
    (void)snprintf(part, sizeof part, "%s/%s.part", r->to, file);
    in = open(from, O_RDONLY | O_CLOEXEC);
    out = in >= 0 ? open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640) : -1;
    rc = out >= 0 ? copy_bytes(in, out) : -errno;
    if (out >= 0)
        give_to_owner(out, r->to);
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return rc;
}

static void remove_parts(const struct restore *r)
{
    char part[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        (void)snprintf(part, sizeof part, "%s/%s.part", r->to, stores[i]);
        (void)unlink(part);
    }
}

static int copy_all(const struct restore *r)
{
    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        int rc = r->has[i] ? copy_in(r, stores[i]) : 0;

        if (rc == 0)
            continue;
        remove_parts(r);
        return cli_problem(EXIT_UNREACHABLE, "cannot copy %s/%s to %s: %s; nothing was changed", r->from,
                           stores[i], r->to, err_text(rc));
    }
    return EXIT_GO_ON;
}

/* ---- changing places ------------------------------------------------------------------------- */

static int move_aside(struct restore *r, const char *file)
{
    char from[PATH_BYTES], to[2 * PATH_BYTES];

    (void)snprintf(from, sizeof from, "%s/%s", r->to, file);
    if (access(from, F_OK) != 0)
        return 0;
    if (r->n_moved == 0 && mkdir(r->aside, 0750) != 0 && errno != EEXIST)
        return -errno;
    r->n_moved++;
    (void)snprintf(to, sizeof to, "%s/%s", r->aside, file);
    return rename(from, to) == 0 ? 0 : -errno;
}

static int move_all_aside(struct restore *r)
{
    char file[64];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(stores); i++) {
        for (size_t s = 0; rc == 0 && s < ARRAY_LEN(suffixes); s++) {
            (void)snprintf(file, sizeof file, "%s%s", stores[i], suffixes[s]);
            rc = move_aside(r, file);
        }
    }
    return rc == 0 ? move_aside(r, ACKS_FILE) : rc;
}

static int name_parts(const struct restore *r)
{
    char part[PATH_BYTES], path[PATH_BYTES];
    int fd;

    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        (void)snprintf(part, sizeof part, "%s/%s.part", r->to, stores[i]);
        (void)snprintf(path, sizeof path, "%s/%s", r->to, stores[i]);
        if (r->has[i] && rename(part, path) != 0)
            return -errno;
    }
    fd = open(r->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)fsync(fd);
    (void)close(fd);
    return 0;
}

static int change_places(struct restore *r)
{
    int rc = move_all_aside(r);

    if (rc == 0)
        rc = name_parts(r);
    if (rc == 0)
        return EXIT_GO_ON;
    return cli_problem(EXIT_UNREACHABLE, "cannot put the copies into %s: %s; what was there is in %s", r->to,
                       err_text(rc), r->aside);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void say(const struct restore *r, bool json)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(4 * PATH_BYTES);
    struct json_out j = JSON_OUT(&line);

    json_open(&j, NULL, '{');
    json_texts(&j, "from", r->from);
    json_texts(&j, "to", r->to);
    json_texts(&j, "aside", r->n_moved ? r->aside : "");
    json_close(&j, '}');
    if (json) {
        printf("%s\n", buf_str(&line));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        if (r->has[i])
            printf("%s/%s  restored\n", r->to, stores[i]);
    }
    if (r->n_moved)
        printf("what was there is in %s; remove it when all is well\n", r->aside);
}

static int restore(const struct cli_settings *s, const char *from, int64_t wall_ms)
{
    struct restore r = { .from = from, .to = s->app.data_dir };
    char when[40];
    int code;

    (void)snprintf(r.aside, sizeof r.aside, "%s/before-restore-%s", r.to,
                   text_time(wall_ms, when, sizeof when));
    code = database_restore(s);
    if (code == EXIT_GO_ON)
        code = check_stopped(&r);
    if (code != EXIT_GO_ON)
        return code;
    code = check_copies(&r);
    if (code == EXIT_GO_ON)
        code = copy_all(&r);
    if (code == EXIT_GO_ON)
        code = change_places(&r);
    if (code == EXIT_GO_ON) {
        say(&r, s->json);
        cli_audit(s, "store.restore", "", "", true, from);
    }
    folder_use_release(&r.use);
    return code == EXIT_GO_ON ? EXIT_DONE : code;
}

int cmd_restore(int argc, char *argv[])
{
    struct cli_settings s;
    struct settings_args args;
    struct clock clock;
    int code = cli_read(cli_command_of(cmd_restore), NULL, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    clock_init(&clock);
    code = args.n == 1 ? restore(&s, args.arg[0], clock.wall_ms(&clock))
                       : cli_problem(EXIT_USAGE, "restore takes one folder that zapkeep backup made");
    cli_free(NULL, &s);
    return code;
}
