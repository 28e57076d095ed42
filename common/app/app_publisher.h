/*
 * Messages on their way to the bus: they go out together a few milliseconds after the first of them. For common/app
 * only; services call app_publish().
 */
#pragma once

#include "common/base/clock.h"
#include "common/io/loop.h"
#include "proto/message.h"

struct app_publisher;

/* Dials the hub at @url; @service (the src of a message) and @clock are kept. Returns 0, -EINVAL (no address of
 * nng) or a negative. */
int app_publisher_open(struct loop *loop, const char *url, const char *service, struct clock *clock,
                       struct app_publisher **ret);
void app_publisher_close(struct app_publisher *p); /* NULL is nothing; sends waiting messages before */
/* As app_publish(). NULL: it is dropped. */
void app_publisher_add(struct app_publisher *p, struct message *m);
