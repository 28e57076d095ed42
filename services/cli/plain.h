/* Texts of others on a terminal: what could steer it is shown as '?'. */
#pragma once

#include "common/base/buf.h"
#include "common/base/text.h"

void plain_add(struct buf *out, struct str s);
