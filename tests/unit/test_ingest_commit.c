/* One commit of webhook-ingest when a step of it fails: no sender may get a 2xx. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/webhook-ingest/commit.h"
#include "tests/unit/test_folder.h"

#define T0 1800000000000LL
#define N  6

/* The linker lets the calls of commit.c come through here (CMakeLists.txt). */
int __real_event_log_add(struct event_log *l, const struct event_new *e, int *ret_result, int64_t *ret_seq);
int __wrap_event_log_add(struct event_log *l, const struct event_new *e, int *ret_result, int64_t *ret_seq);
int __real_event_log_commit(struct event_log *l);
int __wrap_event_log_commit(struct event_log *l);
int __real_event_log_reject(struct event_log *l, const struct event_rejected *e);
int __wrap_event_log_reject(struct event_log *l, const struct event_rejected *e);
int __real_event_log_begin(struct event_log *l);
int __wrap_event_log_begin(struct event_log *l);
static int fail_begin, fail_commit, fail_append, append_at, fail_reject;

int __wrap_event_log_begin(struct event_log *l)
{
    return fail_begin ? fail_begin : __real_event_log_begin(l);
}

int __wrap_event_log_add(struct event_log *l, const struct event_new *e, int *ret_result, int64_t *ret_seq)
{
    return fail_append && append_at-- == 0 ? fail_append : __real_event_log_add(l, e, ret_result, ret_seq);
}

int __wrap_event_log_reject(struct event_log *l, const struct event_rejected *e)
{
    return fail_reject ? fail_reject : __real_event_log_reject(l, e);
}

/* As a real failure: the transaction is rolled back. */
int __wrap_event_log_commit(struct event_log *l)
{
    if (!fail_commit)
        return __real_event_log_commit(l);
    event_log_rollback(l);
    return fail_commit;
}

struct world {
    char dir[64];
    struct event_log *log;
    struct commit_item items[N];
    uint8_t digests[N][EVENT_DIGEST_BYTES];
    struct list list;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    int64_t pid;

    (void)snprintf(w->dir, sizeof w->dir, "/tmp/zk_commit_XXXXXX");
    assert_non_null(test_folder(w->dir));
    assert_int_equal(event_log_open(w->dir, &w->log, &pid), 0);
    fail_begin = fail_append = fail_commit = fail_reject = 0;
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    static const char *const files[] = { "events.db", "events.db-wal", "events.db-shm", "events.lock" };
    struct world *w = *state;
    char path[128];

    event_log_close(w->log);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

/* Items whose keys are the letters of @keys; 'r' is one that is rejected. */
static void fill(struct world *w, const char *keys)
{
    list_init(&w->list);
    for (int i = 0; keys[i]; i++) {
        struct commit_item *item = &w->items[i];

        memset(w->digests[i], keys[i], EVENT_DIGEST_BYTES);
        *item = (struct commit_item){ .kind = keys[i] == 'r' ? COMMIT_REJECTED : COMMIT_EVENT, .result = 77 };
        item->event = (struct event_new){ .at = T0,
                                          .type = STR_LIT("message.received"),
                                          .bridge = STR_LIT("main"),
                                          .session = STR_LIT("s"),
                                          .message_id = STR_LIT(""),
                                          .body = STR_LIT("{}"),
                                          .key_time_ms = T0,
                                          .key_digest = w->digests[i] };
        item->rejected = (struct event_rejected){ .at = T0, .reason = "not JSON", .body = STR_LIT("x") };
        list_append(&w->list, &item->link);
    }
}

static int commit_all(struct world *w)
{
    struct commit_done done;

    commit_batch(w->log, &w->list, NULL, T0, &done);
    return done.result;
}

/* Three copies of one webhook among others: the second and third are duplicates of one that is not stored. */
static void every_item_of_a_failed_batch_fails(void **state)
{
    static const struct {
        int begin, append, at, commit, reject;
    } faults[] = { { .begin = -EAGAIN },        { .append = -ENOSPC }, { .append = -ENOSPC, .at = 2 },
                   { .append = -EIO, .at = 4 }, { .commit = -ENOSPC }, { .commit = -ESTALE },
                   { .reject = -ENOSPC } };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        int error = faults[i].begin + faults[i].append + faults[i].commit + faults[i].reject;

        fill(w, "abbrbc");
        fail_begin = faults[i].begin;
        fail_append = faults[i].append;
        append_at = faults[i].at;
        fail_commit = faults[i].commit;
        fail_reject = faults[i].reject;
        assert_int_equal(commit_all(w), error); /* the error is not lost on the way */
        for (int k = 0; k < N; k++)
            assert_int_equal(w->items[k].result, error);
        assert_int_equal(event_log_head(w->log), 0);
    }
    fail_begin = fail_append = fail_commit = fail_reject = 0;
    fill(w, "abbrbc");
    assert_int_equal(commit_all(w), 0);
    assert_int_equal(event_log_head(w->log), 3); /* dense, and each once */
    assert_int_equal(w->items[2].result, EVENT_DUPLICATE);
    assert_int_equal(w->items[4].result, EVENT_DUPLICATE);
    assert_int_equal(w->items[4].seq, 2);
    assert_int_equal(w->items[5].seq, 3);
}

static void a_failure_leaves_nothing_behind_over_a_long_life(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 2000; i++) {
        char key[] = { (char)('A' + i % 25), '\0' };

        fill(w, key);
        fail_commit = i % 3 ? -ENOSPC : 0;
        assert_int_equal(commit_all(w), fail_commit);
        assert_true(w->items[0].result == fail_commit || w->items[0].result == EVENT_DUPLICATE);
    }
    assert_int_equal(event_log_head(w->log), 25);
}

static void of_a_body_alone_only_what_comes_soon_is_the_same(void **state)
{
    static const struct {
        int64_t at, merge_ms;
        int result;
        int64_t seq;
    } steps[] = { { T0, 60000, 0, 1 },
                  { T0 + 60000, 60000, EVENT_DUPLICATE, 1 },
                  { T0 + 60001, 60000, 0, 2 },
                  { T0 + 100000, 60000, EVENT_DUPLICATE, 2 }, /* of the one before, not of the first */
                  { T0 + 50000, 60000, EVENT_DUPLICATE, 2 },  /* the clock was set back */
                  { T0 + 9000000, 0, EVENT_DUPLICATE, 2 } };  /* a key that is an identity */
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        fill(w, "a");
        w->items[0].event.at = steps[i].at;
        w->items[0].event.merge_ms = steps[i].merge_ms;
        assert_int_equal(commit_all(w), 0);
        assert_int_equal(w->items[0].result, steps[i].result);
        assert_int_equal(w->items[0].seq, steps[i].seq);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_item_of_a_failed_batch_fails),
        TEST(a_failure_leaves_nothing_behind_over_a_long_life),
        TEST(of_a_body_alone_only_what_comes_soon_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
