#include "common/store/sqlite/companions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/sql.h"
#include "common/store/sqlite/file.h"
#include "common/store/sqlite/handle.h"

#define PATH_BYTES 4200

static int64_t size_of(const char *path, const char *suffix)
{
    char full[PATH_BYTES];
    struct stat st;

    (void)snprintf(full, sizeof full, "%s%s", path, suffix);
    return stat(full, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* ---- "-journal" ------------------------------------------------------------------------------ */

/* SQLite's "Rollback Journal Format". A journal that is not needed any more begins with zeroes, or is empty. */
#define JOURNAL_HEAD_BYTES 28
#define JOURNAL_AT_SECTOR  20
#define JOURNAL_AT_PAGE    24
/* Page 1 is among the first pages of a transaction that are saved. */
#define RECORDS_MAX 100000

/* The change counter in the page 1 that the journal saved. Returns false when there is none. */
static bool journaled_counter(int fd, uint32_t *ret)
{
    static const uint8_t magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
    uint8_t head[JOURNAL_HEAD_BYTES];
    uint8_t record[4 + SQLITE_AT_CHANGE_COUNTER + 4];
    int64_t sector, record_bytes;

    if (pread(fd, head, sizeof head, 0) != sizeof head || memcmp(head, magic, sizeof magic) != 0)
        return false;
    sector = sqlite_read_u32(head + JOURNAL_AT_SECTOR);
    record_bytes = 4 + (int64_t)sqlite_read_u32(head + JOURNAL_AT_PAGE) + 4;
    for (int64_t i = 0; i < RECORDS_MAX; i++) {
        if (pread(fd, record, sizeof record, sector + i * record_bytes) != sizeof record)
            return false;
        if (sqlite_read_u32(record) != 1)
            continue;
        *ret = sqlite_read_u32(record + 4 + SQLITE_AT_CHANGE_COUNTER);
        return true;
    }
    return false;
}

static int check_journal(const char *path, const struct sqlite_header *header)
{
    char journal[PATH_BYTES];
    uint32_t saved = 0;
    bool found;
    int fd;

    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    fd = open(journal, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    found = journaled_counter(fd, &saved);
    (void)close(fd);
    return !found || header->change_counter == saved || header->change_counter == saved + 1 ? 0 : -EUCLEAN;
}

/* ---- "-wal" ---------------------------------------------------------------------------------- */

/* Two while the number is changed: the file may have either. */
#define IDS_MAX 2

static int read_ids(const char *path, uint32_t ret[IDS_MAX])
{
    char full[PATH_BYTES];
    char text[64] = "";
    int n, fd;

    (void)snprintf(full, sizeof full, "%s-id", path);
    fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    (void)!pread(fd, text, sizeof text - 1, 0);
    (void)close(fd);
    n = sscanf(text, "%" SCNx32 " %" SCNx32, &ret[0], &ret[1]);
    return n > 0 ? n : 0;
}

static bool is_known(const char *path, uint32_t id)
{
    uint32_t ids[IDS_MAX];
    int n = read_ids(path, ids);

    for (int i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return n == 0; /* the folder was moved without it */
}

#define WAL_HEAD_BYTES 32

static int check_wal(const char *path, const struct sqlite_header *header)
{
    if (size_of(path, "-wal") <= WAL_HEAD_BYTES)
        return 0;
    if (!header->is_sqlite && size_of(path, "") == 0) /* SQLite would remove the WAL with all its rows */
        return -EUCLEAN;
    return is_known(path, header->application_id) ? 0 : -EUCLEAN;
}

int sqlite_companions_check(const char *path)
{
    struct sqlite_header header = { 0 };
    int r = sqlite_header_read(path, &header);

    if (r != 0 && r != -ENOENT)
        return 0; /* opening it says why */
    r = check_wal(path, &header);
    return r == 0 && header.is_sqlite ? check_journal(path, &header) : r;
}

/* ---- the number ------------------------------------------------------------------------------ */

static uint32_t new_id(void)
{
    uint32_t id;

    rng_secret(&id, sizeof id);
    return id | 1; /* 0: none */
}

static int set_id(struct db *db, uint32_t id)
{
    char pragma[64];

    (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id = %" PRId32, (int32_t)id);
    return sql_exec(db, pragma);
}

int sqlite_companions_begin(struct db *db)
{
    int64_t pages = 0;
    int r = sql_get_int(db, "PRAGMA page_count", &pages, "");

    return r == 0 && pages == 0 ? set_id(db, new_id()) : r;
}

static int write_ids(const char *path, uint32_t id, uint32_t old)
{
    char full[PATH_BYTES], part[PATH_BYTES];
    char text[64];
    int n = snprintf(text, sizeof text, old ? "%08" PRIx32 " %08" PRIx32 "\n" : "%08" PRIx32 "\n", id, old);
    bool done;
    int fd;

    (void)snprintf(full, sizeof full, "%s-id", path);
    (void)snprintf(part, sizeof part, "%s-id.part", path);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    done = write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    (void)close(fd);
    return done && rename(part, full) == 0 ? 0 : -EIO;
}

/* Is all of the WAL in the file now? */
static bool checkpoint(struct db *db)
{
    int frames = -1;
    int moved = -2;
    int rc = sqlite3_wal_checkpoint_v2(sqlite_handle(db), NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);

    return rc == SQLITE_OK && frames == moved;
}

void sqlite_companions_adopt(struct db *db, const char *path)
{
    struct sqlite_header header = { 0 };
    uint32_t id = new_id();

    if (!checkpoint(db) || sqlite_header_read(path, &header) != 0 ||
        write_ids(path, id, header.application_id) != 0)
        return;
    if (set_id(db, id) == 0 && checkpoint(db) && sqlite_header_read(path, &header) == 0 &&
        header.application_id == id)
        (void)write_ids(path, id, 0);
}
