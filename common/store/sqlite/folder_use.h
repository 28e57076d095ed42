/*
 * Is any program at work on the stores of a folder? For those who replace or move them: zapkeep restore, zapkeep store
 * migrate.
 */
#pragma once

#define FOLDER_IN_USE    1
#define FOLDER_LOCKS_MAX 3

struct folder_use {
    int fd[FOLDER_LOCKS_MAX]; /* locks of the programs that have one; -1: there is no such file */
    char detail[512];         /* "process 17 has a store in /var/lib/zapkeep open" */
};

/* Holds the folder until folder_use_release(), so that no program starts meanwhile; also a worker counts, which has a store
 * open and no lock. Returns 0, or FOLDER_IN_USE and the detail. */
int folder_use_hold(const char *dir, struct folder_use *ret);
void folder_use_release(struct folder_use *u);
