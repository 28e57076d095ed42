/*
 * Commits of others to a store in a database server, as they come: the loop watches the store's connection. A hint and no
 * more, as common/io/file_watch.h is for files.
 */
#pragma once

#include <stdbool.h>

#include "common/io/loop.h"

struct db;
struct store_watch;

/* Calls @fn in the loop's thread when others have committed, or the connection is lost; several may merge into one. To be
 * closed before @db is. *ret is NULL for a store of files. Returns 0 or -errno. */
int store_watch_open(struct loop *l, struct db *db, void (*fn)(void *ctx), void *ctx,
                     struct store_watch **ret);
/* Answers of the store bring notifications with them, after which the loop sees nothing. Did any come? For each user of
 * the connection to ask when it is done. NULL: no. */
bool store_watch_came(struct store_watch *w);
/* Commits are notified of: a sweep may come later. NULL: no. */
bool store_watch_is_live(const struct store_watch *w);
void store_watch_close(struct store_watch *w); /* NULL is nothing */
