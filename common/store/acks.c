#include "common/store/acks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/base/settings.h"

_Static_assert(sizeof(struct ack) == 16, "an entry must not cross a sector");

struct acks {
    int fd;
    uint64_t key;
    int n;         /* since the last commit */
    int n_written; /* … of which in the file */
    struct ack at[ACKS_MAX];
};

static uint64_t mix(uint64_t x, uint64_t more)
{
    x = (x ^ more) * 0x9e3779b97f4a7c15;
    return x ^ (x >> 32);
}

static uint32_t check_of(uint64_t key, int64_t seq, uint32_t destination, int64_t at)
{
    return (uint32_t)mix(mix(mix(key, (uint64_t)seq), destination), (uint64_t)at);
}

static int write_all(int fd, const void *data, size_t n, off_t at)
{
    ssize_t r = pwrite(fd, data, n, at);

    if (r == (ssize_t)n)
        return 0;
    return r < 0 ? -errno : -ENOSPC;
}

/* All of the file is there from the start, so that a full disk cannot stop it later. */
static int read_file(struct acks *a)
{
    ssize_t r = pread(a->fd, a->at, sizeof a->at, 0);

    if (r < 0)
        return -errno;
    return r == (ssize_t)sizeof a->at ? 0 : write_all(a->fd, a->at, sizeof a->at, 0);
}

int acks_open(const char *dir, uint64_t key, struct acks **ret)
{
    struct acks *a = mem_zalloc(sizeof *a);
    int r;

    if (!a)
        return -ENOMEM;
    a->key = key;
    a->n = a->n_written = ACKS_MAX;
    a->fd = -1;
    r = own_file_open(dir, ACKS_FILE, O_RDWR | O_CREAT, 0640, &a->fd);
    if (r == 0)
        r = read_file(a);
    if (r != 0) {
        acks_close(a);
        return r;
    }
    *ret = a;
    return 0;
}

void acks_close(struct acks *a)
{
    if (!a)
        return;
    if (a->fd >= 0)
        (void)close(a->fd);
    mem_free(a);
}

void acks_each(const struct acks *a, int64_t destination, void (*fn)(void *ctx, const struct ack *e),
               void *ctx)
{
    if (!a)
        return;
    for (int i = 0; i < ACKS_MAX; i++) {
        if (a->at[i].seq > 0 && a->at[i].destination == destination)
            fn(ctx, &a->at[i]);
    }
}

bool acks_match(const struct acks *a, const struct ack *e, int64_t seq, int64_t at)
{
    return e->seq == seq && e->check == check_of(a->key, seq, e->destination, at);
}

bool acks_add(struct acks *a, int64_t destination, int64_t seq, int64_t at)
{
    uint32_t to = (uint32_t)destination;

    if (!a)
        return false;
    if (a->n == ACKS_MAX)
        return false;
    a->at[a->n++] = (struct ack){ seq, to, check_of(a->key, seq, to, at) };
    return true;
}

bool acks_are_written(const struct acks *a)
{
    if (!a)
        return true;
    return a->n == a->n_written;
}

int acks_write(struct acks *a)
{
    size_t from, n;
    int r;

    if (!a)
        return 0;
    from = (size_t)a->n_written * sizeof a->at[0];
    n = (size_t)(a->n - a->n_written) * sizeof a->at[0];
    r = n > 0 ? write_all(a->fd, (const char *)a->at + from, n, (off_t)from) : 0;
    if (r == 0)
        a->n_written = a->n;
    return r;
}

void acks_committed(struct acks *a)
{
    if (!a)
        return;
    a->n = a->n_written = 0;
}
