/*
 * libcurl alone, as the measure of the monitor's sweeps. Nothing is read of the answers but their
 * bytes.
 *
 *   zk-bench-bare-curl list URL KEY SECONDS                 one GET after the other, kept alive: {"seconds":
 * best} zk-bench-bare-curl each URL KEY SECONDS N IN_FLIGHT     GET URL/demo-1/status … demo-N in a multi
 * loop, IN_FLIGHT at once, again and again: {"per_second": best of a second}
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

#define IN_FLIGHT_MAX 256
#define URL_BYTES     1024

static size_t drop(char *data, size_t size, size_t n, void *ctx)
{
    return size * n;
}

static CURL *handle(struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();

    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return easy;
}

static int list(const char *url, struct curl_slist *headers, int64_t until_us)
{
    CURL *easy = handle(headers);
    int64_t best = INT64_MAX;

    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    while (clock_mono_us() < until_us) {
        int64_t from = clock_mono_us(), took;

        if (curl_easy_perform(easy) != CURLE_OK)
            return 1;
        took = clock_mono_us() - from;
        best = took < best ? took : best;
    }
    curl_easy_cleanup(easy);
    printf("{\"seconds\": %.6f}\n", (double)best / 1e6);
    return 0;
}

struct each {
    CURLM *multi;
    CURL *easy[IN_FLIGHT_MAX];
    const char *url;
    int n, next;
    int64_t done;
};

static void ask(struct each *e, CURL *easy)
{
    char url[URL_BYTES];

    (void)snprintf(url, sizeof url, "%s/demo-%d/status", e->url, e->next++ % e->n + 1);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_multi_add_handle(e->multi, easy);
}

static int take_done(struct each *e)
{
    struct CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(e->multi, &left))) {
        CURL *easy = m->easy_handle;

        if (m->data.result != CURLE_OK)
            return 1;
        e->done++;
        (void)curl_multi_remove_handle(e->multi, easy);
        ask(e, easy);
    }
    return 0;
}

static int each(const char *url, struct curl_slist *headers, int64_t until_us, int n, int in_flight)
{
    struct each e = { .multi = curl_multi_init(), .url = url, .n = n };
    int64_t second = clock_mono_us() + 1000000, before = 0, best = 0;
    int running;

    for (int i = 0; i < in_flight; i++)
        ask(&e, e.easy[i] = handle(headers));
    while (clock_mono_us() < until_us) {
        (void)curl_multi_perform(e.multi, &running);
        if (take_done(&e) != 0)
            return 1;
        (void)curl_multi_poll(e.multi, NULL, 0, 100, NULL);
        if (clock_mono_us() < second)
            continue;
        best = e.done - before > best ? e.done - before : best;
        before = e.done;
        second += 1000000;
    }
    printf("{\"per_second\": %lld}\n", (long long)best);
    return 0;
}

int main(int argc, char *argv[])
{
    char key[URL_BYTES];
    struct curl_slist *headers;
    int64_t until_us;

    if (argc < 5)
        return 2;
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)snprintf(key, sizeof key, "Authorization: Bearer %s", argv[3]);
    headers = curl_slist_append(NULL, key);
    until_us = clock_mono_us() + strtoll(argv[4], NULL, 10) * 1000000;
    if (strcmp(argv[1], "list") == 0)
        return list(argv[2], headers, until_us);
    if (argc < 7 || atoi(argv[6]) > IN_FLIGHT_MAX)
        return 2;
    return each(argv[2], headers, until_us, atoi(argv[5]), atoi(argv[6]));
}
