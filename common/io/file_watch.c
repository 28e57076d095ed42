#include "common/io/file_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/mem.h"

#define EVENTS_BYTES 4096

struct file_watch {
    int fd;
    struct poll_fd *readable;
    char *file;
    uint32_t mask;
    void (*fn)(void *ctx);
    void *ctx;
};

/* Without a name it is of the watched file itself. */
static bool is_about(const struct file_watch *w, const char *events, size_t n)
{
    const struct inotify_event *e;

    for (size_t at = 0; at + sizeof *e <= n; at += sizeof *e + e->len) {
        e = (const struct inotify_event *)(const void *)(events + at);
        if ((e->mask & w->mask) && (e->len == 0 || strcmp(e->name, w->file) == 0))
            return true;
    }
    return false;
}

/* The folder says when a file is closed that was not there before. It would say of each file of the folder
 * that its owner was set, too, and SQLite sets that of each journal that it opens. */
static int add_watch(const struct file_watch *w, const char *dir, enum file_watch_what what)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, what == FILE_WATCH_CLOSED ? "%s" : "%s/%s", dir, w->file);
    return inotify_add_watch(w->fd, path, w->mask) < 0 ? -errno : 0;
}

static void on_readable(void *ctx)
{
    struct file_watch *w = ctx;
    char events[EVENTS_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(w->fd, events, sizeof events);

    if (n > 0 && is_about(w, events, (size_t)n))
        w->fn(w->ctx); /* last: it may close the watch */
}

int file_watch_open(struct loop *l, const char *dir, const char *file, enum file_watch_what what,
                    void (*fn)(void *ctx), void *ctx, struct file_watch **ret)
{
    struct file_watch *w = mem_zalloc(sizeof *w);
    int r = 0;

    if (!w)
        return -ENOMEM;
    w->mask = what == FILE_WATCH_CLOSED ? IN_CLOSE_WRITE : IN_ATTRIB;
    w->fn = fn;
    w->ctx = ctx;
    w->file = mem_strdup(file);
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (!w->file)
        r = -ENOMEM;
    else
        r = w->fd < 0 ? -errno : add_watch(w, dir, what);
    if (r == 0)
        r = poll_fd_open(l, w->fd, on_readable, w, &w->readable);
    if (r == 0)
        *ret = w;
    else
        file_watch_close(w);
    return r;
}

void file_watch_close(struct file_watch *w)
{
    if (!w)
        return;
    poll_fd_close(w->readable);
    if (w->fd >= 0)
        (void)close(w->fd);
    mem_free(w->file);
    mem_free(w);
}
