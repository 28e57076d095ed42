/* Where in the event log to begin: --from SEQ, --since 10m or a time, --last N; the newest N that match. */
#pragma once

#include "common/base/settings.h"
#include "common/store/events.h"

struct event_range {
    int64_t from;      /* 0: not given */
    const char *since; /* "": not given */
    int64_t last;      /* 0: not given */
};

/* The rows for a settings table, --from first; @at_ is the offset of the struct event_range. */
#define EVENT_RANGE_ROWS(at_, last_help_)                                                                  \
    { .name = "FROM",                                                                                      \
      .kind = SETTING_INT,                                                                                 \
      .at = (at_) + offsetof(struct event_range, from),                                                    \
      .def = "0",                                                                                          \
      .min = 0,                                                                                            \
      .max = INT64_MAX,                                                                                    \
      .flag_only = true,                                                                                   \
      .help = "begin with this seq of the log" },                                                          \
        { .name = "SINCE",                                                                                 \
          .at = (at_) + offsetof(struct event_range, since),                                               \
          .def = "",                                                                                       \
          .flag_only = true,                                                                               \
          .help = "begin this long ago (10m, 2h, 3d) or at this time (2026-11-22T10:04:35Z)" },            \
    {                                                                                                      \
        .name = "LAST", .kind = SETTING_INT, .at = (at_) + offsetof(struct event_range, last), .def = "0", \
        .min = 0, .max = INT64_MAX, .flag_only = true, .help = (last_help_)                                \
    }

/* --from 0 is the beginning, as --from 1 is: 0 alone means that it was not given. @table: the command's. */
void event_range_given(struct event_range *h, const struct setting *table, int argc, char *const argv[]);

/* "10m" (that long ago), 2026-11-22, 2026-11-22T10:04:35Z -> ms since the epoch. -EINVAL. */
int event_range_since_ms(const char *text, int64_t now_ms, int64_t *ret_ms);

/*
 * The seq to read from, and how many matching rows to leave out first (--last N: the newest N that @filter
 * lets through). Nothing given: one past the head. Returns 0, -EINVAL (--since makes no sense) or a negative
 * of the reader.
 */
int event_range_start(struct event_reader *r, const struct event_range *h, const struct event_filter *filter,
                      int64_t now_ms, int64_t *ret_seq, int64_t *ret_skip);
