#include "common/base/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int own_path(const char *dir, const char *file, char *ret, size_t n)
{
    int len = snprintf(ret, n, "%s/%s", dir, file);

    return len >= 0 && (size_t)len < n ? 0 : -ENAMETOOLONG;
}

/* A second name (a hard link) could be that of a file elsewhere. */
static int check(const struct stat *st, const char *dir)
{
    struct stat folder;

    if (S_ISLNK(st->st_mode))
        return -ELOOP;
    if (!S_ISREG(st->st_mode) || st->st_nlink > 1)
        return -EPERM;
    if (st->st_uid == geteuid())
        return 0;
    if (stat(dir, &folder) != 0)
        return -errno;
    return st->st_uid == folder.st_uid ? 0 : -EPERM;
}

int own_file_open(const char *dir, const char *file, int flags, unsigned mode, int *ret_fd)
{
    char path[OWN_PATH_MAX];
    struct stat st;
    int r = own_path(dir, file, path, sizeof path);
    int fd;

    if (r != 0)
        return r;
    /* O_NONBLOCK: opening a pipe must not wait for its other end */
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, (mode_t)mode);
    if (fd < 0)
        return -errno;
    r = fstat(fd, &st) == 0 ? check(&st, dir) : -errno;
    if (r != 0) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int own_file_check(const char *dir, const char *file)
{
    char path[OWN_PATH_MAX];
    struct stat st;
    int r = own_path(dir, file, path, sizeof path);

    if (r != 0)
        return r;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    return check(&st, dir);
}
