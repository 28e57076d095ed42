/* The front end: files that are in the program, gzipped. */
#pragma once

#include <stddef.h>

#include "common/io/http_handlers.h"

/* As services/console/web makes them. */
struct asset {
    const char *path; /* "index.html" */
    const char *type;
    const char *etag; /* with its quotes */
    const unsigned char *gz;
    size_t size;
};
struct assets {
    const struct asset *asset;
    size_t n;
};

/* Answers a GET or HEAD of @path below the base path: "/" and "/login" are index.html. */
void assets_serve(const struct assets *all, struct str path, struct http_req *r);
