/*
 * The drivers share this in building requests. Used inside common/bridge only.
 */
#pragma once

#include "common/bridge/driver.h"

/* URLs and headers of ours are short; a body of create carries one webhook URL. */
#define REQUEST_URL_MAX  4096
#define REQUEST_HEAD_MAX 8192
#define REQUEST_BODY_MAX 16384

/*
 * METHOD base_url + path, with @key_header (driver.h) and @key unless it is "". @path may have one %s for @id and one %k for the
 * target's api_key: such a URL is a secret, too. Returns 0, -EINVAL (@id is no valid session id, the key holds a line break), -EMSGSIZE,
 * -ENOMEM; @ret is untouched then.
 */
int request_build(const char *key_header, const char *key, const struct bridge_target *t, const char *method,
                  const char *path, const char *id, struct bridge_request *ret);
/* The same with a JSON body, which is taken over (also on failure). */
int request_build_json(const char *key_header, const char *key, const struct bridge_target *t,
                       const char *method, const char *path, const char *id, struct buf *body,
                       struct bridge_request *ret);
