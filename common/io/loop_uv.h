/* The libuv loop inside a struct loop; for files of common/io (and load tools of tests/) only. */
#pragma once

#include <uv.h>

struct loop;

uv_loop_t *loop_uv(struct loop *l);
