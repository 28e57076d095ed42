#include "common/store/journal_dir.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* SQLite's own, which opens the folder of a file; the sync follows. */
typedef int open_directory(const char *path, int *ret_fd);

static open_directory *open_anyway;
static struct statx synced; /* the journal whose folder was synced last */

static bool is_journal(const char *path)
{
    static const char suffix[] = "-journal";
    size_t n = strlen(path);

    return n >= sizeof suffix && strcmp(path + n - (sizeof suffix - 1), suffix) == 0;
}

/* A number of a file that is gone is given to the next one: the time of its birth tells them apart. A file
 * system that does not know that time gets its syncs. */
static bool look(const char *path, struct statx *ret)
{
    return statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, ret) == 0 && (ret->stx_mask & STATX_BTIME) != 0;
}

static bool is_same(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor && a->stx_btime.tv_sec == b->stx_btime.tv_sec &&
           a->stx_btime.tv_nsec == b->stx_btime.tv_nsec;
}

/* SQLITE_CANTOPEN is how a file system answers that has no folders to sync: SQLite goes on. */
static int open_once(const char *path, int *ret_fd)
{
    struct statx now;
    int rc;

    if (!is_journal(path) || !look(path, &now))
        return open_anyway(path, ret_fd);
    if (is_same(&now, &synced))
        return SQLITE_CANTOPEN;
    rc = open_anyway(path, ret_fd);
    if (rc == SQLITE_OK)
        synced = now;
    return rc;
}

void journal_dir_sync_once(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

    if (open_anyway || !vfs || vfs->iVersion < 3)
        return;
    open_anyway = (open_directory *)vfs->xGetSystemCall(vfs, "openDirectory");
    if (open_anyway)
        (void)vfs->xSetSystemCall(vfs, "openDirectory", (sqlite3_syscall_ptr)open_once);
}
