/*
 * The measure of the forwarder: a bare loop of libcurl that posts the bodies of a log, so many at
 * once over kept connections, and does nothing else.
 *
 *   zk-bench-bare-post DIR URL CONCURRENCY
 *
 * The bodies are read before the clock starts. Prints one JSON line.
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/store/events.h"
#include "common/store/store.h"

/* Bodies that are kept; a longer log is posted as far as this. */
#define BODIES_MAX (1 << 20)

static struct {
    struct buf bytes;
    size_t at[BODIES_MAX + 1];
    int n, posted, answered, errors;
    CURLM *multi;
} bench;

static int read_bodies(const char *dir)
{
    struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int r = event_reader_open(dir, &reader);

    buf_init(&bench.bytes, (size_t)2 << 30);
    for (int64_t seq = 1; r == 0; seq = rows.next_seq) {
        r = event_read(reader, seq, NULL, EVENT_READ_ROWS_MAX, &rows);
        if (r != 0 || rows.n == 0)
            break;
        for (int i = 0; i < rows.n && bench.n < BODIES_MAX; i++) {
            bench.at[bench.n++] = bench.bytes.len;
            (void)buf_add(&bench.bytes, rows.rows[i].body.p, rows.rows[i].body.n);
        }
    }
    bench.at[bench.n] = bench.bytes.len;
    event_rows_fini(&rows);
    event_reader_close(reader);
    return r == 0 ? buf_error(&bench.bytes) : r;
}

static size_t drop(char *data, size_t size, size_t n, void *ctx)
{
    return size * n;
}

static CURL *new_easy(const char *url, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        abort();
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    return easy;
}

static void post_next(CURL *easy)
{
    int i = bench.posted;

    if (i == bench.n)
        return;
    bench.posted++;
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_str(&bench.bytes) + bench.at[i]);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)(bench.at[i + 1] - bench.at[i]));
    if (curl_multi_add_handle(bench.multi, easy) != CURLM_OK)
        abort();
}

static void take_answers(void)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(bench.multi, &left))) {
        CURL *easy = msg->easy_handle;
        long status = 0;

        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        bench.answered++;
        bench.errors += status != 200;
        (void)curl_multi_remove_handle(bench.multi, easy);
        post_next(easy);
    }
}

static void run(void)
{
    int running;

    while (bench.answered < bench.n) {
        (void)curl_multi_perform(bench.multi, &running);
        take_answers();
        if (bench.answered < bench.n)
            (void)curl_multi_poll(bench.multi, NULL, 0, 1000, NULL);
    }
}

int main(int argc, char *argv[])
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    int concurrency = argc > 3 ? atoi(argv[3]) : 0;
    int64_t start_us;

    if (concurrency < 1 || read_bodies(argv[1]) != 0)
        return 2;
    headers = curl_slist_append(headers, "Expect:");
    bench.multi = curl_multi_init();
    start_us = clock_mono_us();
    for (int i = 0; i < concurrency; i++)
        post_next(new_easy(argv[2], headers));
    run();
    printf("{\"answered\":%d,\"errors\":%d,\"per_second\":%.0f}\n", bench.answered, bench.errors,
           (double)bench.answered * 1e6 / (double)(clock_mono_us() - start_us));
    return 0;
}
