/* The forwarder and its destinations, as status and doctor show them. */
#pragma once

#include "common/ops/status.h"
#include "common/store/forward.h"

/* As many as the forwarder takes (its DESIGN.md). */
#define STATUS_DESTINATIONS_MAX 16

struct destination_status {
    struct forward_destination row;
    struct forward_counts counts;
};
struct forward_status {
    bool runs;
    int n; /* 0: no forwarder has ever run here */
    struct destination_status destination[STATUS_DESTINATIONS_MAX];
};

/* Returns 0 (n stays 0 without a forward.db), or a negative. */
int status_forward_read(const char *data_dir, struct forward_status *ret);
/* Some forwarder works on this data folder. */
bool status_forward_runs(const char *data_dir);
/* Every event up to this seq is delivered to each destination that is on, or a dead letter; -1: none is on. */
int64_t status_forward_delivered(const struct forward_status *s);
/* "crm: failing; 3 events retrying, …". Returns @ret. */
const char *status_destination_text(const struct forward_status *s, const struct destination_status *d,
                                    char *ret, size_t n);
/* BAD: it does not take every event, or is turned off; WARN: it has dead letters. */
enum problem_level status_destination_level(const struct forward_status *s,
                                            const struct destination_status *d);
