/*
 * One program at a time on a data folder: an flock() on a file of its own, which the kernel lets go when the program
 * ends, however it ends.
 */
#pragma once

#include <stdint.h>

#define INSTANCE_LOCK_TAKEN 1

/*
 * Takes the lock @dir/@file (made when it is missing) and writes this process's id into it. The lock is held as long
 * as *ret_fd is open. Returns 0, INSTANCE_LOCK_TAKEN (*ret_fd untouched; *ret_pid, which may be NULL, is the
 * owner's id, 0: not known), or a negative of own_file_open().
 */
int instance_lock_take(const char *dir, const char *file, int *ret_fd, int64_t *ret_pid);
/* Is it held by a program now? INSTANCE_LOCK_TAKEN, 0 (also when there is no such file), or a negative. */
int instance_lock_is_taken(const char *dir, const char *file);
