/* Folders of a test: each is removed, with everything in it, when the program that made it ends. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* More than any program of ours makes. */
#define TEST_FOLDERS_MAX 4096

static struct {
    pid_t owner; /* a child of the test leaves them alone */
    int n;
    char *path[TEST_FOLDERS_MAX];
} test_folders;

static inline int test_folder_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void test_folders_remove(void)
{
    if (test_folders.owner != getpid())
        return;
    for (int i = 0; i < test_folders.n; i++) {
        (void)nftw(test_folders.path[i], test_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(test_folders.path[i]);
    }
    test_folders.n = 0;
}

/* As mkdtemp(). */
static inline char *test_folder(char *path)
{
    if (test_folders.n == TEST_FOLDERS_MAX || !mkdtemp(path))
        return NULL;
    if (test_folders.owner != getpid()) {
        test_folders.owner = getpid();
        test_folders.n = 0;
        (void)atexit(test_folders_remove);
    }
    test_folders.path[test_folders.n++] = strdup(path);
    return path;
}
