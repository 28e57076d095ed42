/* The first part of the ids of events; see events_ids.c. For the files of this folder. */
#pragma once

#include <stdint.h>

struct db;

#define LOG_ID_MAX 9 /* 8 hex digits and a NUL */
/* Copies of copies, and failovers, whose ids are told apart; events before the oldest of them have the log's digits again. */
#define EVENT_IDS_MAX 64

/* Which digits stand in the ids of events; see there. */
struct event_ids {
    char log[LOG_ID_MAX]; /* the log's */
    int n;
    struct {
        int64_t seq; /* from here on */
        char digits[LOG_ID_MAX];
    } from[EVENT_IDS_MAX]; /* newest first */
};

/* Returns 0, -EBADMSG (not an event log) or a negative of the query. */
int event_ids_load(struct db *db, struct event_ids *ret);
const char *event_ids_of(const struct event_ids *ids, int64_t seq);
/* Events after @head have digits of their own from now on. */
int event_ids_fork(struct db *db, int64_t head);
/* Digits for a new log. */
void event_ids_random(char ret[LOG_ID_MAX]);
