#include "common/store/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/forward.h"
#include "common/store/sqlite/schemas.h"

#define PATH_BYTES 4200

/* ---- which file ------------------------------------------------------------------------------ */

int sqlite_file_at(const char *path, struct sqlite_file *ret)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return -errno;
    *ret = (struct sqlite_file){ .dev = st.st_dev, .ino = st.st_ino };
    return 0;
}

bool sqlite_file_is_at(const struct sqlite_file *f, const char *path)
{
    struct sqlite_file now = { 0 };

    return sqlite_file_at(path, &now) == 0 && now.dev == f->dev && now.ino == f->ino;
}

int64_t sqlite_other_bytes(const char *dir)
{
    static const char *const files[] = { EVENTS_DB_FILE "-wal", STATE_DB_FILE,          STATE_JOURNAL_FILE,
                                         FORWARD_DB_FILE,       FORWARD_DB_FILE "-wal", "forward.acks" };
    char path[PATH_BYTES];
    struct stat st;
    int64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        sum += stat(path, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
    }
    return sum;
}

/* ---- its header ------------------------------------------------------------------------------ */

/* SQLite's "Database File Format": offsets in the header. */
#define HEADER_BYTES      100
#define AT_WRITE_VERSION  18
#define AT_USER_VERSION   60
#define AT_APPLICATION_ID 68

uint32_t sqlite_read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int sqlite_header_read(const char *path, struct sqlite_header *ret)
{
    static const char magic[16] = "SQLite format 3";
    uint8_t head[HEADER_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = pread(fd, head, sizeof head, 0);
    (void)close(fd);
    if (n < 0)
        return -EIO;
    *ret = (struct sqlite_header){ 0 };
    if (n < HEADER_BYTES || memcmp(head, magic, sizeof magic) != 0)
        return 0;
    *ret = (struct sqlite_header){ .is_sqlite = true,
                                   .is_wal = head[AT_WRITE_VERSION] == 2,
                                   .change_counter = sqlite_read_u32(head + SQLITE_AT_CHANGE_COUNTER),
                                   .user_version = sqlite_read_u32(head + AT_USER_VERSION),
                                   .application_id = sqlite_read_u32(head + AT_APPLICATION_ID) };
    return 0;
}

/* ---- sentences ------------------------------------------------------------------------------- */

int sqlite_known_schema(const char *file)
{
    static const struct {
        const char *file;
        const struct db_schema *schema;
    } all[] = { { STATE_DB_FILE, &state_schema },
                { EVENTS_DB_FILE, &events_schema },
                { FORWARD_DB_FILE, &forward_schema } };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcmp(all[i].file, file) == 0)
            return db_schema_version(all[i].schema);
    }
    return 0;
}

static void newer(const char *path, const char *file, char *ret, size_t n)
{
    struct sqlite_header h = { 0 };
    int known = sqlite_known_schema(file);

    if (sqlite_header_read(path, &h) == 0 && known > 0 && h.user_version > (uint32_t)known)
        (void)snprintf(
            ret, n,
            "%s was written by a newer zapkeep (schema %u, this one knows %d): start that version, or "
            "restore a backup of this one (zapkeep restore DIR)",
            path, h.user_version, known);
    else
        (void)snprintf(ret, n, "%s was written by a newer zapkeep: start that version", path);
}

const char *sqlite_problem(const char *dir, const char *file, int r, char *ret, size_t n)
{
    static const struct {
        int r;
        const char *text;
    } rows[] = {
        { -EBADMSG, "is not a zapkeep database, or it is damaged: restore a backup (zapkeep restore DIR)" },
        { -ESTALE,
          "was replaced or removed while it was open: check that its volume is mounted, then restart" },
        { -EUCLEAN, "has a -wal or -journal file beside it that belongs to another database, as when a copy "
                    "was put over "
                    "it: put a backup in place with zapkeep restore DIR, or move those files away" },
        { -ENOSPC, "cannot be written, the disk is full: make room" },
        { -EACCES, "may not be read and written by this user: start zapkeep as the owner of the folder" },
        { -EROFS, "is on a file system that is read-only: mount it for writing" },
        { -ENOENT, "is not there: check ZAPKEEP_DATA_DIR, and that its volume is mounted" },
        { -EINPROGRESS,
          "belongs to a store whose move did not end: run zapkeep store migrate again (it starts "
          "anew), or remove the folder" },
        { -EPROTOTYPE, "was written by an older zapkeep: start this version on it once, then stop it" },
        { -EAGAIN, "is locked by another program: end that program" },
        { -EIO, "cannot be read or written, the disk reports an error: see the kernel's log" },
    };
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    if (r == -EPROTONOSUPPORT) {
        newer(path, file, ret, n);
        return ret;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].r == r) {
            (void)snprintf(ret, n, "%s %s", path, rows[i].text);
            return ret;
        }
    }
    (void)snprintf(ret, n, "%s cannot be opened: %s", path, err_text(r));
    return ret;
}
