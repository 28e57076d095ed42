/*
 * The files of the front end, gzipped, as build.mjs makes them. Their paths are relative and flat: "index.html", "app.js".
 */
#pragma once

#include <stddef.h>

struct web_file {
    const char *path;
    const char *type; /* of Content-Type */
    const char *etag; /* with its quotes: a hash of the content */
    const unsigned char *gz;
    size_t size; /* bytes of gz */
};
extern const struct web_file web_files[];
extern const size_t web_files_n;
