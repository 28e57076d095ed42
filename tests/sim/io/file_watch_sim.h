/* Reports of the kernel about files, for the world. */
#pragma once

#include "common/io/file_watch.h"

/* The kernel says nothing, as on a file system of another machine. */
extern bool file_watch_sim_silent;
void file_watch_sim_happened(const char *path, enum file_watch_what what);
