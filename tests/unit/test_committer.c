/* The commit thread on a real log: its work beside commits, and retention when state.db fails. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "services/webhook-ingest/committer.h"
#include "tests/unit/test_folder.h"

#define T0          1800000000000LL
#define PATIENCE_MS 20000
#define LATER_US    (60LL * 1000 * 1000)

/* The linker lets these come through here (CMakeLists.txt). */
int64_t __real_clock_mono_us(void);
int64_t __wrap_clock_mono_us(void);
int __wrap_db_open_state_reader(const char *dir, struct db **ret);
int __wrap_cursor_min(struct db *state, int64_t *ret_seq);
static _Atomic int64_t ahead_us, cursor;
static atomic_int state_error, looked_up;

int64_t __wrap_clock_mono_us(void)
{
    return __real_clock_mono_us() + ahead_us;
}

/* Only a file that is not there has no consumers. */
int __wrap_db_open_state_reader(const char *dir, struct db **ret)
{
    looked_up++;
    return state_error;
}

int __wrap_cursor_min(struct db *state, int64_t *ret_seq)
{
    *ret_seq = cursor;
    return 0;
}

struct world {
    char dir[64];
    struct loop *loop;
    struct committer *committer;
    struct timer *patience;
    struct commit_item item;
    uint8_t digest[EVENT_DIGEST_BYTES];
    int n;
};

static void on_done(void *ctx, struct list *items)
{
    struct world *w = ctx;

    if (!list_empty(items))
        loop_stop(w->loop);
}

static void on_patience(void *ctx)
{
    fail_msg("the commit thread gives nothing back");
}

static int open_world(void **state)
{
    static struct clock clock;
    struct world *w = calloc(1, sizeof *w);
    struct committer_options o = { .dir = w->dir,
                                   .clock = &clock,
                                   .retention = { .age_ms = 60000 },
                                   .wal_cap_bytes = 1 << 30,
                                   .on_done = on_done,
                                   .ctx = w };
    int64_t pid;

    clock_init(&clock);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/zk_committer_XXXXXX");
    assert_non_null(test_folder(w->dir));
    cursor = 0;
    state_error = 0;
    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(timer_open(w->loop, on_patience, w, &w->patience), 0);
    assert_int_equal(committer_open(w->loop, &o, &w->committer, &pid), 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    static const char *const files[] = { "events.db", "events.db-wal", "events.db-shm", "events.lock" };
    struct world *w = *state;
    char path[128];

    committer_close(w->committer);
    timer_close(w->patience);
    assert_int_equal(loop_close(w->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

/* One event that is old already, until it is committed. */
static void commit_one(struct world *w)
{
    memcpy(w->digest, &(int){ ++w->n }, sizeof w->n);
    w->item = (struct commit_item){ .kind = COMMIT_EVENT,
                                    .event = { .at = 1000 + w->n,
                                               .type = STR_LIT("message.received"),
                                               .bridge = STR_LIT("main"),
                                               .session = STR_LIT("s"),
                                               .message_id = STR_LIT(""),
                                               .body = STR_LIT("{}"),
                                               .key_digest = w->digest } };
    committer_add(w->committer, &w->item);
    timer_start(w->patience, PATIENCE_MS);
    (void)loop_run(w->loop);
    timer_stop(w->patience);
    assert_int_equal(w->item.result, 0);
    assert_int_equal(committer_waiting(w->committer), 0);
}

/* Commits until the cursors were looked up once more and a commit has gone by them. */
static int64_t oldest_after_a_look(struct world *w)
{
    struct committer_status s;
    int before = looked_up;

    ahead_us += LATER_US;
    while (looked_up == before)
        commit_one(w);
    commit_one(w);
    commit_one(w);
    committer_status(w->committer, &s);
    return s.oldest;
}

/* Retention goes by the cursors as they were known last, in any condition of state.db. */
static void an_error_of_state_db_is_no_missing_consumer(void **state)
{
    static const int errors[] = { -EAGAIN, -EBADMSG, -EIO, -EACCES, -ENOMEM, -EPROTO, -ESTALE };
    struct world *w = *state;

    for (int i = 0; i < 20; i++)
        commit_one(w);
    cursor = 5;
    assert_int_equal(oldest_after_a_look(w), 6);
    cursor = 12;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        state_error = errors[i];
        assert_int_equal(oldest_after_a_look(w), 6);
    }
    state_error = 0;
    assert_int_equal(oldest_after_a_look(w), 13);
    state_error = -ENOENT; /* there is no state.db, so nobody is registered */
    assert_true(oldest_after_a_look(w) > 13);
}

/* Consumers watch the lock file: it is touched behind every commit. */
static void a_commit_touches_the_lock_file(void **state)
{
    const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct world *w = *state;
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/events.lock", w->dir);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        commit_one(w);
        for (int k = 0; k < PATIENCE_MS; k++) { /* behind the answer */
            assert_int_equal(stat(path, &st), 0);
            if (st.st_mtime != 1000)
                break;
            (void)usleep(1000);
        }
        assert_int_not_equal(st.st_mtime, 1000);
    }
}

/* The count of waiting items comes back to nothing over a long life. */
static void nothing_stays_counted(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 300; i++)
        commit_one(w);
    assert_true(committer_accepts(w->committer));
    assert_int_equal(committer_waiting(w->committer), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_of_state_db_is_no_missing_consumer),
        TEST(a_commit_touches_the_lock_file),
        TEST(nothing_stays_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
