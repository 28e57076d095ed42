/*
 * The files that the forwarder reads besides SQLite's tables: forward.acks, and the packed bits of a destination. Bytes
 * that somebody else wrote are no acknowledgement, and never reach beyond the window.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/store/ack_window.h"
#include "common/store/acks.h"
#include "tests/fuzz/input.h"
#include "tests/unit/test_folder.h"

#define KEY 4711

static char dir[] = "/tmp/zk-fuzz-XXXXXX";

static void on_ack(void *ctx, const struct ack *e)
{
    const struct acks *a = ctx;

    MUST(e->seq > 0 && e->destination == 1);
    (void)acks_match(a, e, e->seq, 1800000000000);
}

static void read_acks(const uint8_t *data, size_t n)
{
    struct acks *a = NULL;
    char path[64];
    int fd;

    (void)snprintf(path, sizeof path, "%s/" ACKS_FILE, dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, data, n) == (ssize_t)n && close(fd) == 0);
    MUST(acks_open(dir, KEY, &a) == 0);
    acks_each(a, 1, on_ack, a);
    MUST(!acks_add(a, 1, 1, 1)); /* nothing is taken before a commit */
    acks_committed(a);
    MUST(acks_add(a, 1, 1, 1) && acks_write(a) == 0 && acks_are_written(a));
    acks_close(a);
}

static void read_window(const uint8_t *data, size_t n)
{
    static struct ack_window w, again;
    struct buf packed = BUF_INIT(ACK_WINDOW_SEQS);
    int64_t floor = n > 2 ? data[0] << 8 | data[1] : 0;
    struct str bits = { (const char *)data + (n > 2 ? 2 : 0), n > 2 ? n - 2 : 0 };

    ack_window_load(&w, floor, bits);
    MUST(w.floor >= floor && w.top >= w.floor && w.top <= floor + 2 * ACK_WINDOW_SEQS);
    MUST(ack_window_has(&w, w.floor) && !ack_window_has(&w, w.floor + 1));
    ack_window_pack(&w, &packed);
    ack_window_load(&again, w.floor, (struct str){ buf_str(&packed), packed.len });
    MUST(again.floor == w.floor && again.top == w.top);
    buf_fini(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool made;

    if (!made) {
        MUST(test_folder(dir) != NULL);
        made = true;
    }
    read_acks(data, n);
    read_window(data, n);
    return 0;
}
