#include "common/base/instance_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/own_file.h"
#include "common/base/text.h"

#define LOCK_MODE 0640

/* The id of the owner's process, for the message: the number in the file. 0 when the file has none. */
static int64_t read_pid(int fd)
{
    char text[24] = "";
    int64_t pid = 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    return n > 0 && text_to_i64(text, &pid) == 0 ? pid : 0;
}

/* Only for people: a failure (a full disk) does not matter. */
static void write_pid(int fd)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return;
}

int instance_lock_take(const char *dir, const char *file, int *ret_fd, int64_t *ret_pid)
{
    int fd;
    int r = own_file_open(dir, file, O_RDWR | O_CREAT, LOCK_MODE, &fd);

    if (r != 0)
        return r;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        write_pid(fd);
        *ret_fd = fd;
        return 0;
    }
    r = errno == EWOULDBLOCK ? INSTANCE_LOCK_TAKEN : -errno;
    if (ret_pid)
        *ret_pid = read_pid(fd);
    (void)close(fd);
    return r;
}

int instance_lock_is_taken(const char *dir, const char *file)
{
    int fd;
    int r = own_file_open(dir, file, O_RDONLY, 0, &fd);

    if (r != 0)
        return r == -ENOENT ? 0 : r;
    r = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? INSTANCE_LOCK_TAKEN : -errno;
    (void)close(fd);
    return r;
}
