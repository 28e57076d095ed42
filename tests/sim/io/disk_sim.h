/*
 * SQLite's file layer in memory: files that the processes of the world share, with SQLite's locks, a disk that fails, and
 * power cuts. It becomes SQLite's default. Other files (lock files, forward.acks) are real ones.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/io/world.h"

void disk_sim_open(void); /* before SQLite is used at all */

enum disk_fault {
    DISK_WELL,
    DISK_FULL,        /* writes fail with ENOSPC, in the middle of a transaction too */
    DISK_WRITE_FAILS, /* EIO */
    DISK_SYNC_FAILS,  /* fsync fails, and data not on disk is lost with the next power cut */
    DISK_READ_ONLY,
    DISK_FAULT_N
};
/* Files whose path ends in @suffix ("state.db-journal") fail so with @permille of the operations. */
void disk_sim_fail(const char *suffix, enum disk_fault fault, int64_t permille);
void disk_sim_heal(void);
bool disk_sim_is_well(void);
/* A sync takes so long. Only files whose path ends in @suffix; INT64 0: none. */
void disk_sim_slow(const char *suffix, int64_t sync_max_ms);
/* All processes are dead: unsynced data is gone, or half of it. */
void disk_sim_power_cut(void);
/* Nobody is in the middle of a commit: the world may read. */
bool disk_sim_is_free(const char *suffix);
/* Nor of a transaction that writes: the world may write. */
bool disk_sim_may_write(const char *suffix);
/* A number that changes with each commit that is done (a journal that ends, a WAL that grows). */
int64_t disk_sim_commits(const char *suffix);
