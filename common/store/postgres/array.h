/* A column of many rows as one value: PostgreSQL's binary arrays of one dimension, for unnest(). */
#pragma once

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* The types of the elements. */
enum pg_array_kind { PG_ARRAY_INT8 = 20, PG_ARRAY_TEXT = 25, PG_ARRAY_BYTEA = 17 };

struct pg_array {
    struct buf bytes;
    enum pg_array_kind kind;
    int n;
};

/* Empties it and keeps its memory; the first time it is PG_ARRAY_NULL. */
void pg_array_begin(struct pg_array *a, enum pg_array_kind kind);
void pg_array_int(struct pg_array *a, int64_t v);
/* A text is cleaned (dialect.h). A failure to get memory sticks. */
void pg_array_str(struct pg_array *a, struct str v);
/* Writes how many there are. Returns 0 or -ENOMEM. */
int pg_array_end(struct pg_array *a);
void pg_array_fini(struct pg_array *a);
