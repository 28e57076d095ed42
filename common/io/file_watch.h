/*
 * Files that others write: the kernel says when. A hint and no more: where it says nothing (a file system of
 * another machine, too many watches) a notification or a scan comes later.
 */
#pragma once

#include "common/io/loop.h"

struct file_watch;

enum file_watch_what {
    FILE_WATCH_CLOSED, /* it was closed after writing; it need not be there yet, or may be another then */
    FILE_WATCH_TIMES,  /* its times (or its owner, its rights) were set; it must be there */
};

/* Calls @fn in the loop's thread when that has happened to @file in the folder @dir; several may merge into
 * one. Returns 0 or -errno. */
int file_watch_open(struct loop *l, const char *dir, const char *file, enum file_watch_what what,
                    void (*fn)(void *ctx), void *ctx, struct file_watch **ret);
void file_watch_close(struct file_watch *w); /* NULL is nothing */
