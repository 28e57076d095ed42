#include "common/base/metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/text.h"

/* The section of all METRICs: made by the linker, absent in a program without any. */
extern struct metric __start_zk_metrics[] __attribute__((weak));
extern struct metric __stop_zk_metrics[] __attribute__((weak));

void metric_add(struct metric *m, int series, int64_t n)
{
    (void)__atomic_fetch_add(&m->value[series], n, __ATOMIC_RELAXED);
}

void metric_set(struct metric *m, int series, int64_t v)
{
    __atomic_store_n(&m->value[series], v, __ATOMIC_RELAXED);
}

int64_t metric_get(const struct metric *m, int series)
{
    return __atomic_load_n(&m->value[series], __ATOMIC_RELAXED);
}

/* ---- by bridge ------------------------------------------------------------------------------- */

static char bridges[METRIC_BRIDGES_MAX][65]; /* "": free */

int metrics_bridge(const char *name)
{
    int empty = -1;

    for (int i = 0; i < METRIC_BRIDGES_MAX; i++) {
        if (strcmp(bridges[i], name) == 0)
            return i;
        if (empty < 0 && !bridges[i][0])
            empty = i;
    }
    if (empty < 0)
        return METRIC_BRIDGES_MAX - 1;
    str_copy(str_from(name), bridges[empty], sizeof bridges[empty]);
    return empty;
}

void metrics_bridge_end(const char *name)
{
    int i = metrics_bridge(name);

    bridges[i][0] = '\0';
    for (struct metric *m = __start_zk_metrics; m < __stop_zk_metrics; m++) {
        if (i < m->of_bridges)
            memset(m->of + (ptrdiff_t)i * METRIC_SERIES_MAX, 0, METRIC_SERIES_MAX * sizeof *m->of);
    }
}

static int64_t *value_of(struct metric *m, int bridge, int series)
{
    size_t old = (size_t)m->of_bridges * METRIC_SERIES_MAX, n = (size_t)(bridge + 1) * METRIC_SERIES_MAX;
    int64_t *of;

    if (bridge >= m->of_bridges) {
        of = mem_realloc(m->of, n * sizeof *of);
        if (!of)
            return NULL;
        memset(of + old, 0, (n - old) * sizeof *of);
        m->of = of;
        m->of_bridges = bridge + 1;
    }
    return &m->of[(size_t)bridge * METRIC_SERIES_MAX + (size_t)series];
}

void metric_add_of(struct metric *m, int bridge, int series, int64_t n)
{
    int64_t *v = value_of(m, bridge, series);

    if (v)
        *v += n;
}

void metric_set_of(struct metric *m, int bridge, int series, int64_t v)
{
    int64_t *at = value_of(m, bridge, series);

    if (at)
        *at = v;
}

/* ---- printing -------------------------------------------------------------------------------- */

static double scale_of(const struct metric *m)
{
    return m->scale > 0 ? m->scale : 1;
}

void metric_observe(struct metric *m, int64_t v)
{
    int i = 0;

    while (i < METRIC_BUCKETS_MAX && m->bounds[i] > 0 && (double)v * scale_of(m) > m->bounds[i])
        i++;
    (void)__atomic_fetch_add(&m->bucket[i], 1, __ATOMIC_RELAXED);
    (void)__atomic_fetch_add(&m->sum, v, __ATOMIC_RELAXED);
    (void)__atomic_fetch_add(&m->count, 1, __ATOMIC_RELAXED);
}

static void print_histogram(const struct metric *m, struct buf *out)
{
    int64_t below = 0;
    int i = 0;

    for (; i < METRIC_BUCKETS_MAX && m->bounds[i] > 0; i++) {
        below += __atomic_load_n(&m->bucket[i], __ATOMIC_RELAXED);
        (void)buf_addf(out, "%s_bucket{le=\"%g\"} %lld\n", m->name, m->bounds[i], (long long)below);
    }
    below += __atomic_load_n(&m->bucket[i], __ATOMIC_RELAXED);
    (void)buf_addf(out, "%s_bucket{le=\"+Inf\"} %lld\n", m->name, (long long)below);
    (void)buf_addf(out, "%s_sum %.9g\n", m->name,
                   (double)__atomic_load_n(&m->sum, __ATOMIC_RELAXED) * scale_of(m));
    (void)buf_addf(out, "%s_count %lld\n", m->name, (long long)below);
}

static void print_value(const struct metric *m, int64_t v, struct buf *out)
{
    if (m->scale > 0)
        (void)buf_addf(out, " %.9g\n", (double)v * m->scale);
    else
        (void)buf_addf(out, " %lld\n", (long long)v);
}

static void print_bridge(const struct metric *m, const char *bridge, const int64_t *v, struct buf *out)
{
    if (!m->label) {
        (void)buf_addf(out, "%s{bridge=\"%s\"}", m->name, bridge);
        print_value(m, v[0], out);
    }
    for (int i = 0; m->label && i < METRIC_SERIES_MAX && m->values[i]; i++) {
        (void)buf_addf(out, "%s{bridge=\"%s\",%s=\"%s\"}", m->name, bridge, m->label, m->values[i]);
        print_value(m, v[i], out);
    }
}

static void print_bridges(const struct metric *m, struct buf *out)
{
    for (int i = 0; i < m->of_bridges; i++) {
        if (bridges[i][0])
            print_bridge(m, bridges[i], m->of + (ptrdiff_t)i * METRIC_SERIES_MAX, out);
    }
}

static void print_series(const struct metric *m, struct buf *out)
{
    if (!m->label) {
        (void)buf_adds(out, m->name);
        print_value(m, metric_get(m, 0), out);
        return;
    }
    for (int i = 0; i < METRIC_SERIES_MAX && m->values[i]; i++) {
        (void)buf_addf(out, "%s{%s=\"%s\"}", m->name, m->label, m->values[i]);
        print_value(m, metric_get(m, i), out);
    }
}

static void print_process(const char *service, int64_t started_s, struct buf *out)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f) {
        if (fscanf(f, "%*s %ld", &pages) != 1)
            pages = 0;
        (void)fclose(f);
    }
    (void)buf_addf(out,
                   "# HELP zapkeep_build_info Version of the program\n# TYPE zapkeep_build_info gauge\n"
                   "zapkeep_build_info{version=\"%s\",service=\"%s\"} 1\n",
                   ZK_VERSION, service);
    (void)buf_addf(
        out,
        "# HELP process_resident_memory_bytes Resident memory\n# TYPE process_resident_memory_bytes gauge\n"
        "process_resident_memory_bytes %lld\n",
        (long long)pages * sysconf(_SC_PAGESIZE));
    (void)buf_addf(out,
                   "# HELP process_start_time_seconds When the process started\n"
                   "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %lld\n",
                   (long long)started_s);
}

static void print_metric(const struct metric *m, struct buf *out)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };

    (void)buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
    if (m->kind == METRIC_HISTOGRAM)
        print_histogram(m, out);
    else if (m->by_bridge)
        print_bridges(m, out);
    else
        print_series(m, out);
}

void metrics_print(const char *service, int64_t started_s, struct buf *out)
{
    for (const struct metric *m = __start_zk_metrics; m < __stop_zk_metrics; m++)
        print_metric(m, out);
    print_process(service, started_s, out);
}
