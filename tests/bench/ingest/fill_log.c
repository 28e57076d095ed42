/*
 * Fills an event log: zk-bench-fill-log DIR EVENTS [SESSIONS]. Webhooks of the size of zapw's messages, of so
 * many sessions one after the other, received over the last four days, so that all their deduplication keys are live.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/events_log.h"
#include "common/store/store.h"

#define BATCH     20000
#define BODY_SIZE 400
#define SPAN_MS   (95LL * 3600 * 1000)

static int64_t sessions = 1;

static int fill(struct event_log *log, int64_t from, int64_t to, int64_t events, int64_t start_ms,
                struct rng *rng)
{
    char body[BODY_SIZE], session[32];
    int64_t seq;
    int r = event_log_begin(log);

    for (int64_t i = from; r == 0 && i < to; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES];
        uint64_t half[2] = { rng_next(rng), rng_next(rng) };
        int n = snprintf(session, sizeof session, "session-%02" PRId64, 1 + i % sessions);
        int64_t at = start_ms + (int64_t)((double)i / (double)events * SPAN_MS);
        struct event_new e = { .at = at,
                               .occurred_at = at,
                               .type = STR_LIT("message.received"),
                               .bridge = STR_LIT("main"),
                               .session = { session, (size_t)n },
                               .message_id = STR_LIT("3EB00000000000000000"),
                               .body = { body, BODY_SIZE },
                               .key_time_ms = at,
                               .key_digest = digest };

        memcpy(digest, half, sizeof digest);
        memset(body, ' ', sizeof body);
        (void)snprintf(body, sizeof body, "{\"sessionId\":\"%s\",\"filled\":%" PRId64 ",\"rest\":\"", session,
                       i);
        memcpy(body + BODY_SIZE - 2, "\"}", 2);
        body[strlen(body)] = ' ';
        r = event_log_append(log, &e, &seq);
    }
    if (r == 0)
        r = event_log_commit(log);
    return r == 0 ? event_log_checkpoint(log) : r;
}

int main(int argc, char *argv[])
{
    struct event_log *log = NULL;
    struct clock clock;
    struct rng rng;
    int64_t events = argc > 2 ? atoll(argv[2]) : 0;
    int64_t pid = 0;
    int r = argc > 2 ? event_log_open(argv[1], &log, &pid) : -1;

    if (argc > 3)
        sessions = atoll(argv[3]);
    clock_init(&clock);
    rng_init_random(&rng);
    for (int64_t i = 0; r == 0 && i < events; i += BATCH)
        r = fill(log, i, i + BATCH < events ? i + BATCH : events, events, clock.wall_ms(&clock) - SPAN_MS,
                 &rng);
    event_log_close(log);
    return r == 0 ? 0 : 1;
}
