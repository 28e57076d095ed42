/*
 * The requests to the simulated backend and its answers, in a file that survives its kill -9: records of
 * fixed size in shared memory of the page cache. tests/process/deliveries.py reads them.
 */
#pragma once

#include <stdint.h>

enum record_outcome {
    RECORD_NONE = 0, /* the end of the records */
    RECORD_OK,       /* answered 2xx: noted before the answer is given */
    RECORD_FAILED,   /* answered 5xx */
    RECORD_HUNG,     /* not answered until the caller has long gone */
    RECORD_CUT,      /* answered 2xx, and the connection broken in the middle of it */
    RECORD_SLOW,     /* came, and will be answered later: then there is a second record */
    RECORD_N,
};

struct record {
    int64_t seq;
    int64_t at_us;    /* CLOCK_MONOTONIC, when its header had come */
    uint32_t log;     /* the hex digits of webhook-id, 0: it has none of ours */
    uint32_t session; /* CRC-32 of its name */
    uint32_t body;    /* CRC-32 of the body */
    uint16_t attempt; /* zapkeep-attempt */
    uint8_t outcome;  /* enum record_outcome, written last */
    uint8_t in_batch; /* it came with others in one request */
};

/* 16 million deliveries in a file of 512 MiB, which takes only the room that is used. */
#define RECORDS_MAX (INT64_C(1) << 24)

struct records;

/* Opens or creates; goes on after the last record. Returns 0, -errno. */
int records_open(const char *path, struct records **ret);
void records_close(struct records *r);                         /* NULL is nothing */
void records_add(struct records *r, const struct record *rec); /* beyond RECORDS_MAX: aborts */
int64_t records_count(const struct records *r, enum record_outcome outcome);
int64_t records_distinct(const struct records *r); /* seqs that were answered 2xx at least once */

uint32_t record_crc32(const char *p, uint64_t n);
