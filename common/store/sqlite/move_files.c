/*
 * The files of a folder that is a side of a move.
 *
 * A source is only read; a journal that a crash left in it is played back, as at any start. A target is three new files,
 * written without a journal: they are worth nothing before the mark beside them is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/acks.h"
#include "common/store/forward.h"
#include "common/store/sqlite/backup.h"
#include "common/store/sqlite/companions.h"
#include "common/store/sqlite/file.h"
#include "common/store/sqlite/move_inside.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

static const char *const files[MOVE_PART_N] = {
    [MOVE_STATE] = STATE_DB_FILE, [MOVE_EVENTS] = EVENTS_DB_FILE, [MOVE_FORWARD] = FORWARD_DB_FILE
};
static const struct db_schema *const schemas[MOVE_PART_N] = {
    [MOVE_STATE] = &state_schema, [MOVE_EVENTS] = &events_schema, [MOVE_FORWARD] = &forward_schema
};
/* The files beside a store that belong to it alone. */
static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", "-id" };

static void path_of(const struct sqlite_side *s, const char *file, const char *suffix,
                    char ret[MOVE_PATH_BYTES])
{
    (void)snprintf(ret, MOVE_PATH_BYTES, "%.4000s/%s%s", s->dir, file, suffix);
}

/* ---- a new store ----------------------------------------------------------------------------- */

void sqlite_side_close_files(struct sqlite_side *s)
{
    sqlite_side_end_statement(&s->reading);
    sqlite_side_end_statement(&s->putting);
    acks_close(s->acks);
    s->acks = NULL;
    for (int i = 0; i < MOVE_PART_N; i++) {
        db_close(s->db[i]);
        s->db[i] = NULL;
    }
}

static int open_new(struct sqlite_side *s)
{
    char path[MOVE_PATH_BYTES];
    int r = 0;

    for (int i = 0; r == 0 && i < MOVE_PART_N; i++) {
        path_of(s, files[i], "", path);
        r = sqlite_open(path, RULES_COPY, schemas[i], 0, &s->db[i]);
    }
    return r;
}

int sqlite_side_reopen(struct move_side *side)
{
    struct sqlite_side *s = sqlite_side_of(side);
    char path[MOVE_PATH_BYTES];
    int r = 0;

    sqlite_side_close_files(s);
    for (int i = 0; r == 0 && i < MOVE_PART_N; i++) {
        path_of(s, files[i], "", path);
        r = sqlite_sync_file(path);
    }
    return r == 0 ? open_new(s) : r;
}

/* The new files belong to the owner of the folder, also when root moves. */
static void give_to_owner(const struct sqlite_side *s)
{
    char path[MOVE_PATH_BYTES];
    struct stat st;

    if (geteuid() != 0 || stat(s->dir, &st) != 0)
        return;
    for (int i = 0; i < MOVE_PART_N; i++) {
        path_of(s, files[i], "", path);
        (void)!lchown(path, st.st_uid, st.st_gid);
    }
}

int sqlite_side_finish(struct move_side *side)
{
    struct sqlite_side *s = sqlite_side_of(side);
    char path[MOVE_PATH_BYTES];
    int r;

    sqlite_side_close_files(s);
    give_to_owner(s);
    r = sqlite_sync_dir(s->dir);
    path_of(s, MOVE_MARK_FILE, "", path);
    if (r == 0 && unlink(path) != 0)
        r = -errno;
    return r == 0 ? sqlite_sync_dir(s->dir) : r;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int check_schema(struct db *db, enum move_part part)
{
    int64_t version = 0;
    int known = db_schema_version(schemas[part]);
    int r = sql_get_int(db, "PRAGMA user_version", &version, "");

    if (r != 0 || version == known)
        return r;
    return version > known ? -EPROTONOSUPPORT : -EPROTOTYPE;
}

/* By a writer's rules: a journal of a crash is played back. Nothing is changed otherwise. */
static int open_source_file(struct sqlite_side *s, enum move_part part)
{
    enum sqlite_rules rules = part == MOVE_STATE ? RULES_STATE : RULES_LOG_READER;
    char path[MOVE_PATH_BYTES];
    int r;

    path_of(s, files[part], "", path);
    if (access(path, F_OK) != 0)
        return part == MOVE_FORWARD && errno == ENOENT ? 0 : -errno;
    r = sqlite_companions_check(path);
    if (r == 0)
        r = sqlite_open(path, rules, NULL, 0, &s->db[part]);
    return r == 0 ? sqlite_side_failed(s, s->db[part], check_schema(s->db[part], part)) : r;
}

static int open_source(struct sqlite_side *s)
{
    int r = 0;

    for (int i = 0; r == 0 && i < MOVE_PART_N; i++)
        r = open_source_file(s, (enum move_part)i);
    return r == 0 ? sqlite_side_open_acks(s) : r;
}

static bool is_marked(const struct sqlite_side *s)
{
    char path[MOVE_PATH_BYTES];

    path_of(s, MOVE_MARK_FILE, "", path);
    return access(path, F_OK) == 0;
}

/* MOVE_NOT_EMPTY when there is a store; one of an unfinished move does not count. */
static int check_empty(struct sqlite_side *s)
{
    char path[MOVE_PATH_BYTES];

    for (int i = 0; i < MOVE_PART_N && !is_marked(s); i++) {
        path_of(s, files[i], "", path);
        if (access(path, F_OK) == 0) {
            (void)snprintf(s->error, sizeof s->error, "%.200s is there", path);
            return MOVE_NOT_EMPTY;
        }
    }
    return 0;
}

static int write_mark(const struct sqlite_side *s)
{
    char path[MOVE_PATH_BYTES];
    int fd, r;

    path_of(s, MOVE_MARK_FILE, "", path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    r = fsync(fd) == 0 ? 0 : -errno;
    (void)close(fd);
    return r == 0 ? sqlite_sync_dir(s->dir) : r;
}

static int remove_files(const struct sqlite_side *s)
{
    char path[MOVE_PATH_BYTES];

    for (int i = 0; i < MOVE_PART_N; i++) {
        for (size_t j = 0; j < sizeof suffixes / sizeof suffixes[0]; j++) {
            path_of(s, files[i], suffixes[j], path);
            if (unlink(path) != 0 && errno != ENOENT)
                return -errno;
        }
    }
    return 0;
}

static int open_target(struct sqlite_side *s)
{
    int r = write_mark(s);

    if (r == 0)
        r = remove_files(s);
    return r == 0 ? open_new(s) : r;
}

int sqlite_side_open(struct sqlite_side *s, enum move_role role)
{
    int r;

    if (role == MOVE_TARGET && mkdir(s->dir, 0750) != 0 && errno != EEXIST)
        return -errno;
    r = folder_use_hold(s->dir, &s->use);
    if (r != 0) {
        (void)snprintf(s->error, sizeof s->error, "%.250s", s->use.detail);
        return MOVE_IN_USE;
    }
    if (role == MOVE_SOURCE)
        return is_marked(s) ? -EINPROGRESS : open_source(s);
    r = check_empty(s);
    return r == 0 && role == MOVE_TARGET ? open_target(s) : r;
}
