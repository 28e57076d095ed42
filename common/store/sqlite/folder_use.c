#include "common/store/sqlite/folder_use.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/events_log.h"
#include "common/store/forward.h"

#define PATH_BYTES 4200

static const char *const locks[FOLDER_LOCKS_MAX] = { EVENTS_LOCK_FILE, FORWARD_LOCK_FILE, "monitor.lock" };

static int take_locks(const char *dir, struct folder_use *u)
{
    char path[PATH_BYTES];

    for (size_t i = 0; i < FOLDER_LOCKS_MAX; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, locks[i]);
        u->fd[i] = open(path, O_RDWR | O_CLOEXEC);
        if (u->fd[i] >= 0 && flock(u->fd[i], LOCK_EX | LOCK_NB) != 0) {
            (void)snprintf(u->detail, sizeof u->detail, "%.400s is held by a running service", path);
            return FOLDER_IN_USE;
        }
    }
    return 0;
}

/* Does the process of this /proc entry have a file of the data folder open? */
static bool uses_folder(const char *pid, const char *folder)
{
    char path[512], target[PATH_BYTES];
    size_t n = strlen(folder);
    const struct dirent *e;
    bool found = false;
    DIR *fds;

    (void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    fds = opendir(path);
    while (fds && !found && (e = readdir(fds))) {
        ssize_t len;

        (void)snprintf(path, sizeof path, "/proc/%.20s/fd/%.200s", pid, e->d_name);
        len = readlink(path, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        found = strncmp(target, folder, n) == 0 && target[n] == '/' && strstr(target + n, ".db") != NULL;
    }
    if (fds)
        (void)closedir(fds);
    return found;
}

/* A worker holds no lock file; it has state.db open. */
static int check_open_files(const char *dir, struct folder_use *u)
{
    CLEANUP(mem_freep) char *folder = NULL;
    const struct dirent *e;
    long found = 0;
    DIR *proc = opendir("/proc");
    char *real = realpath(dir, NULL);

    folder = real ? mem_strdup(real) : NULL;
    free(real);
    while (proc && folder && !found && (e = readdir(proc))) {
        if (isdigit((unsigned char)e->d_name[0]) && strtol(e->d_name, NULL, 10) != getpid() &&
            uses_folder(e->d_name, folder))
            found = strtol(e->d_name, NULL, 10);
    }
    if (proc)
        (void)closedir(proc);
    if (!found)
        return 0;
    (void)snprintf(u->detail, sizeof u->detail, "process %ld has a store in %.400s open", found, dir);
    return FOLDER_IN_USE;
}

int folder_use_hold(const char *dir, struct folder_use *ret)
{
    int r;

    *ret = (struct folder_use){ .fd = { -1, -1, -1 } };
    r = take_locks(dir, ret);
    if (r == 0)
        r = check_open_files(dir, ret);
    if (r != 0)
        folder_use_release(ret);
    return r;
}

void folder_use_release(struct folder_use *u)
{
    for (size_t i = 0; i < FOLDER_LOCKS_MAX; i++) {
        if (u->fd[i] >= 0)
            (void)close(u->fd[i]);
        u->fd[i] = -1;
    }
}
