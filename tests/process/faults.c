/*
 * Preloaded into a program under test: a disk that fails. The file named by ZK_FAULTS holds lines
 *   <call> <what> <end of the file's name>
 * call is sync (fsync, fdatasync), write (pwrite, write, ftruncate) or watch (inotify_init1; its file's name
 * is "inotify"); what is an errno's number, or -N to be N ms late. The file is read at each call, so a test
 * turns a fault on and off while the program runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <unistd.h>

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s);
    size_t m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The errno to fail with, or 0. */
static int fault(const char *call, int fd)
{
    const char *path = getenv("ZK_FAULTS");
    char link[64], file[4096] = "", line[256];
    int result = 0;
    FILE *f = path ? fopen(path, "re") : NULL;

    if (!f)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, file, sizeof file - 1) < 0)
        file[0] = '\0';
    while (fgets(line, sizeof line, f)) {
        char name[16], end[128];
        int what;

        if (sscanf(line, "%15s %d %127s", name, &what, end) != 3 || strcmp(name, call) ||
            !ends_with(file, end))
            continue;
        if (what < 0)
            usleep((useconds_t)-what * 1000);
        else
            result = what;
    }
    fclose(f);
    return result;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(call, fd)           \
    do {                         \
        int e = fault(call, fd); \
                                 \
        if (e) {                 \
            errno = e;           \
            return -1;           \
        }                        \
    } while (0)

int fsync(int fd)
{
    FAIL("sync", fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL("sync", fd);
    return REAL(fdatasync)(fd);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    FAIL("write", fd);
    return REAL(pwrite)(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    FAIL("write", fd);
    return REAL(pwrite64)(fd, p, n, at);
}

ssize_t write(int fd, const void *p, size_t n)
{
    FAIL("write", fd);
    return REAL(write)(fd, p, n);
}

int ftruncate(int fd, off_t n)
{
    FAIL("write", fd);
    return REAL(ftruncate)(fd, n);
}

int ftruncate64(int fd, off64_t n)
{
    FAIL("write", fd);
    return REAL(ftruncate64)(fd, n);
}

int inotify_init1(int flags)
{
    int fd = REAL(inotify_init1)(flags);
    int e = fault("watch", fd);

    if (e == 0)
        return fd;
    close(fd);
    errno = e;
    return -1;
}
