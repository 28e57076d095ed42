/*
 * libcurl's multi interface on the loop: sockets, time, finished transfers. Only http_client.c knows the
 * calls behind the transfers. Private to http_*.c.
 */
#pragma once

#include <curl/curl.h>

#include "common/io/loop.h"

struct http_driver;

/* @on_done fires in the loop's thread for each finished transfer, never from http_driver_add(). @on_soon fires
 * once after http_driver_soon(), in the next pass of the loop. Returns 0 or -ENOMEM. */
int http_driver_open(struct loop *l, int max_connections,
                     void (*on_done)(void *ctx, CURL *easy, CURLcode code), void (*on_soon)(void *ctx),
                     void *ctx, struct http_driver **ret);
/* All transfers were removed. NULL is nothing. */
void http_driver_close(struct http_driver *d);
int http_driver_add(struct http_driver *d, CURL *easy); /* 0 or -ENOMEM */
void http_driver_remove(struct http_driver *d, CURL *easy);
void http_driver_soon(struct http_driver *d);

/* For CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION, the latter with the driver as its data: the
 * driver watches a kept-alive connection once, not once for each call on it. */
curl_socket_t http_driver_socket(struct http_driver *d, const struct curl_sockaddr *address);
int http_driver_close_socket(void *driver, curl_socket_t fd);
