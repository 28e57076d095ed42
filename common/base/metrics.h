/*
 * Counters, gauges and histograms with fixed labels, printed as Prometheus text. A metric is one row, where it is
 * counted or in its service's metrics.c:
 *
 *   static METRIC sweeps = { .name = "zapkeep_sweeps_total", .help = "Sweeps", .kind = METRIC_COUNTER };
 *
 * and no list anywhere: METRIC puts it into a section of the program that metrics_print() walks through, as systemd
 * does with its tests and error names. (A list beside the rows was forgotten as easily as it was kept.)
 *
 * Its values are plain int64 that the owning thread changes. A counter that another thread reads is read without a
 * lock: on the machines we run on an aligned 64-bit value is never torn; use metric_add() (relaxed atomic) everywhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_SERIES_MAX  32 /* label values of one metric, all named in its table row */
#define METRIC_BUCKETS_MAX 16

/* The size is a multiple of it, so that the section has no gaps: compilers align a large object to a cache line. */
#define METRIC_ALIGN 64

struct metric {
    const char *name; /* zapkeep_ingest_requests_total */
    const char *help;
    enum metric_kind kind;
    const char *label;                     /* label name, or NULL: one series */
    const char *values[METRIC_SERIES_MAX]; /* label values, in the order of the index */
    double bounds[METRIC_BUCKETS_MAX];     /* histogram: upper bounds, ascending, 0 ends */
    double scale; /* printed value = value * scale; 0 means 1 (0.001: ms kept, s printed) */
    int64_t value[METRIC_SERIES_MAX];       /* counters and gauges */
    int64_t bucket[METRIC_BUCKETS_MAX + 1]; /* histogram, not cumulative */
    int64_t sum, count;
    bool by_bridge; /* counter or gauge: a label bridge="…" comes first, and metric_…_of() counts */
    int64_t *of;    /* by_bridge: the values of all bridges, METRIC_SERIES_MAX each */
    int of_bridges; /* … how many */
} __attribute__((aligned(METRIC_ALIGN)));
#define METRIC struct metric __attribute__((section("zk_metrics"), used))

void metric_add(struct metric *m, int series, int64_t n);
void metric_set(struct metric *m, int series, int64_t v);
int64_t metric_get(const struct metric *m, int series);
void metric_observe(struct metric *m, int64_t v); /* histogram; v in the unscaled unit, bounds are scaled */

/* A bridge as a label: its number for the functions below. The process has room for METRIC_BRIDGES_MAX names; those beyond
 * share the last number. */
#define METRIC_BRIDGES_MAX 256
int metrics_bridge(const char *name);
/* Its series are not printed any more; the next metrics_bridge() of this name begins at 0. */
void metrics_bridge_end(const char *name);
/* For a metric by_bridge, in the loop's thread only. Without memory nothing is counted. */
void metric_add_of(struct metric *m, int bridge, int series, int64_t n);
void metric_set_of(struct metric *m, int bridge, int series, int64_t v);

/* Appends all metrics of the program, plus zapkeep_build_info{version,service}, process resident bytes and start
 * time. */
void metrics_print(const char *service, int64_t started_s, struct buf *out);
