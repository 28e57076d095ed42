/*
 * Opening a file of the data folder. The folder belongs to the service's user; a program that root starts there
 * (the CLI) must not be led elsewhere by the files which that user puts into it.
 */
#pragma once

#include <stddef.h>

/* Longest path that is built, with its NUL. */
#define OWN_PATH_MAX 4608

/* "@dir/@file" into @ret (n bytes). Returns 0 or -ENAMETOOLONG; nothing is ever cut. */
int own_path(const char *dir, const char *file, char *ret, size_t n);

/*
 * Opens @dir/@file with @flags (O_CLOEXEC and O_NOFOLLOW are added; with O_CREAT a new file has mode @mode, less the
 * umask). It must be a regular file with one name, owned by this user or by the owner of the folder.
 * Returns 0 and the descriptor, or -errno: -ELOOP for a link, -EPERM for another's file.
 */
int own_file_open(const char *dir, const char *file, int flags, unsigned mode, int *ret_fd);
/* The same check of a file that a library opens itself: 0 too when there is no such file yet. */
int own_file_check(const char *dir, const char *file);
