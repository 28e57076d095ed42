#include "tests/backend-sim/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/mem.h"

struct records {
    struct record *at; /* mapped */
    int64_t n;
    int64_t by_outcome[RECORD_N];
    int64_t distinct;
    uint8_t *answered; /* a bit for each seq */
};

_Static_assert(sizeof(struct record) == 32, "deliveries.py reads 32 bytes");

/* ---- counting -------------------------------------------------------------------------------- */

static void count(struct records *r, const struct record *rec)
{
    uint8_t *byte = &r->answered[rec->seq / 8];
    uint8_t bit = (uint8_t)(1U << (rec->seq % 8));

    r->by_outcome[rec->outcome]++;
    if (rec->outcome != RECORD_OK || (*byte & bit))
        return;
    *byte |= bit;
    r->distinct++;
}

int64_t records_count(const struct records *r, enum record_outcome outcome)
{
    return r->by_outcome[outcome];
}

int64_t records_distinct(const struct records *r)
{
    return r->distinct;
}

/* ---- the file -------------------------------------------------------------------------------- */

void records_add(struct records *r, const struct record *rec)
{
    struct record *to = &r->at[r->n];

    if (r->n == RECORDS_MAX - 1 || rec->seq < 0 || rec->seq >= RECORDS_MAX)
        abort();
    *to = *rec;
    to->outcome = RECORD_NONE;
    __atomic_store_n(&to->outcome, rec->outcome, __ATOMIC_RELEASE);
    count(r, rec);
    r->n++;
}

static int map(struct records *r, const char *path)
{
    size_t size = sizeof(struct record) * (size_t)RECORDS_MAX;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    void *p = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        int r_errno = -errno;

        if (fd >= 0)
            (void)close(fd);
        return r_errno;
    }
    (void)close(fd);
    r->at = p;
    return 0;
}

int records_open(const char *path, struct records **ret)
{
    CLEANUP(mem_freep) struct records *r = mem_zalloc(sizeof *r);
    int result;

    if (!r || !(r->answered = mem_zalloc(RECORDS_MAX / 8)))
        return -ENOMEM;
    result = map(r, path);
    if (result != 0) {
        mem_free(r->answered);
        return result;
    }
    for (; r->at[r->n].outcome != RECORD_NONE; r->n++)
        count(r, &r->at[r->n]);
    *ret = TAKE(r);
    return 0;
}

void records_close(struct records *r)
{
    if (!r)
        return;
    (void)munmap(r->at, sizeof(struct record) * (size_t)RECORDS_MAX);
    mem_free(r->answered);
    mem_free(r);
}

/* ---- CRC-32 as zlib has it ------------------------------------------------------------------- */

uint32_t record_crc32(const char *p, uint64_t n)
{
    static uint32_t table[256];
    uint32_t crc = ~0U;

    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320U ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    for (uint64_t i = 0; i < n; i++)
        crc = table[(crc ^ (uint8_t)p[i]) & 255] ^ crc >> 8;
    return ~crc;
}
