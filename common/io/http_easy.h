/* A request as options of a curl handle. Private to http_*.c. */
#pragma once

#include <curl/curl.h>

#include "common/io/http_exchange.h"

/* The options that all calls share: no proxy, no redirect, http and https only, certificates held against
 * @ca_file
 * (NULL: the system's). NULL when memory is short. */
CURL *http_easy_new(const struct http_client_peer *peer);
/*
 * Sets all options of this request. @body must live until the transfer is over, as must @url: the request's URL, parsed;
 * NULL: curl parses it. *ret_headers is freed by mem_free() then. Returns 0, -EINVAL (a line break in the URL or a
 * header), -ENOMEM.
 */
int http_easy_set(CURL *easy, const struct http_request *req, CURLU *url, struct str body,
                  struct curl_slist **ret_headers);
