/* Messages and batches from the bus: no byte past the end is read, and a message that the hub takes for valid is valid. */
#include <stdlib.h>
#include <string.h>

#include "common/io/bus_batch.h"
#include "tests/fuzz/input.h"

static const char *const prefixes[] = { "session.", "message.received/main/", "log.head" };

/* A copy of its own size for each message: ASan sees a read past its end also in the middle of a batch. */
static void match(struct str message)
{
    char *own = malloc(message.n);
    struct str copy = { own, message.n };

    MUST(own || message.n == 0);
    if (message.n > 0)
        memcpy(own, message.p, message.n);
    for (int i = 0; i < 3; i++)
        MUST(!bus_topic_matches(copy, &prefixes[i], 1) || message.n >= strlen(prefixes[i]));
    (void)bus_message_is_valid(copy);
    free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str bytes = { (const char *)data, n };
    bool valid = bus_message_is_valid(bytes);
    struct str rest, one;
    size_t taken = 1;

    match(bytes);
    if (n == 0 || bytes.p[0] != BUS_BATCH)
        return 0;
    rest = (struct str){ bytes.p + 1, n - 1 };
    while (bus_batch_next(&rest, &one)) {
        MUST(one.p >= bytes.p && one.p + one.n <= bytes.p + n);
        MUST(!valid || bus_message_is_valid(one));
        taken += 4 + one.n;
        match(one);
    }
    MUST(!valid || taken == n);
    return 0;
}
