/*
 * zapkeep backup DIR: copies of the stores, taken while everything runs and verified. zapkeep restore DIR puts
 * them back.
 *
 * state.db goes first: its cursors then never stand past the end of the log's copy.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/events.h"
#include "common/store/sqlite/backup.h"
#include "common/store/sqlite/open.h"
#include "common/store/store.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/database_backup.h"

#define PATH_BYTES 4200
/* state.db may be locked for a moment by a commit; so often it is tried again. */
#define LOCKED_TRIES 50

/* Written by one owner each with the rules of state.db; those that are not there are left out. */
static const char *const state_files[] = { STATE_DB_FILE, "forward.db" };

struct copied {
    const char *file;
    int64_t bytes, events; /* events: -1 where there are none */
};

static int copy_state(const char *dir, const char *file, const char *to)
{
    struct db *db = NULL;
    int r = -EAGAIN;

    for (int i = 0; r == -EAGAIN && i < LOCKED_TRIES; i++) {
        r = db_open_reader(dir, file, &db);
        if (r == 0)
            r = db_backup(db, to);
        db_close(db);
        db = NULL;
    }
    return r;
}

/* A user that may not read the original may not read the copy. */
static int keep_mode(const char *dir, const char *file, const char *part)
{
    char path[PATH_BYTES];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    return stat(path, &st) == 0 && chmod(part, st.st_mode & 0777) == 0 ? 0 : -errno;
}

/* Under another name until it is whole. Returns 0, -EEXIST, or a negative of the copy. */
static int copy(const char *dir, const char *to_dir, struct copied *c)
{
    char part[PATH_BYTES];
    char path[PATH_BYTES];
    struct stat st;
    int r;

    (void)snprintf(path, sizeof path, "%s/%s", to_dir, c->file);
    (void)snprintf(part, sizeof part, "%s/%s.part", to_dir, c->file);
    if (stat(path, &st) == 0)
        return -EEXIST;
    (void)unlink(part);
    r = c->events < 0 ? copy_state(dir, c->file, part) : event_backup(dir, part, &c->events);
    if (r == 0)
        r = keep_mode(dir, c->file, part);
    if (r != 0) {
        (void)unlink(part);
        return r;
    }
    if (rename(part, path) != 0 || stat(path, &st) != 0)
        return -errno;
    c->bytes = st.st_size;
    return 0;
}

static void say(const struct copied *c, const char *to_dir, bool json)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(2 * PATH_BYTES);
    struct json_out j = JSON_OUT(&line);
    char size[32];

    if (json) {
        json_open(&j, NULL, '{');
        json_texts(&j, "file", c->file);
        json_int(&j, "bytes", c->bytes);
        if (c->events >= 0)
            json_int(&j, "events", c->events);
        json_close(&j, '}');
        printf("%s\n", buf_str(&line));
        return;
    }
    printf("%s/%s  %s", to_dir, c->file, text_bytes(c->bytes, size, sizeof size));
    if (c->events >= 0)
        printf("  %" PRId64 " events", c->events);
    printf("  verified\n");
}

static int backup_one(const struct cli_settings *s, const char *to_dir, const char *file, bool is_log)
{
    struct copied c = { .file = file, .events = is_log ? 0 : -1 };
    int r = copy(s->app.data_dir, to_dir, &c);

    if (r == 0)
        say(&c, to_dir, s->json);
    if (r == 0 || (r == -ENOENT && !is_log))
        return EXIT_DONE;
    if (r == -ENOENT)
        return cli_store_problem(app_store(&s->app), file, r);
    if (r == -EEXIST)
        return cli_problem(EXIT_USAGE, "%s/%s is there already; give a new or empty folder", to_dir, file);
    if (r == -EBADMSG || r == -EPROTONOSUPPORT) /* of the one that is copied */
        return cli_store_problem(app_store(&s->app), file, r);
    return cli_problem(EXIT_UNREACHABLE, "cannot copy %s/%s to %s: %s", s->app.data_dir, file, to_dir,
                       err_text(r));
}

static int backup(const struct cli_settings *s, const char *to_dir)
{
    int code = database_backup(s);

    if (code != EXIT_GO_ON)
        return code;
    code = EXIT_DONE;
    if (mkdir(to_dir, 0750) != 0 && errno != EEXIST)
        return cli_problem(EXIT_UNREACHABLE, "cannot make %s: %s", to_dir, err_text(-errno));
    for (size_t i = 0; code == EXIT_DONE && i < ARRAY_LEN(state_files); i++)
        code = backup_one(s, to_dir, state_files[i], false);
    return code == EXIT_DONE ? backup_one(s, to_dir, "events.db", true) : code;
}

int cmd_backup(int argc, char *argv[])
{
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_backup), NULL, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = args.n == 1 ? backup(&s, args.arg[0])
                       : cli_problem(EXIT_USAGE, "backup takes one folder, as /var/backups/zapkeep-monday");
    cli_free(NULL, &s);
    return code;
}
