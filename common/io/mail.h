/*
 * Mails by SMTP, with libcurl on the loop: smtp:// with STARTTLS, or smtps://. Certificates are verified.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/io/loop.h"

struct mail_client;

struct mail_request {
    const char *server;          /* "smtp://host:587" or "smtps://host" */
    const char *user, *password; /* NULL or "": no login */
    const char *ca_file;         /* PEM: the only certificates that count; NULL or "": the system's */
    bool plain;       /* no TLS: for a server on this machine. Else smtp:// fails where STARTTLS is missing */
    const char *from; /* addresses, without name and brackets */
    const char *const *to;
    int n_to;
    struct str message; /* RFC 5322, lines end with CR LF */
    int64_t timeout_ms; /* of all of it */
};

struct mail_answer {
    bool taken;
    int code;         /* the server's last answer, as 250; 0: there was none */
    char detail[128]; /* why it was not taken, cleaned (common/base/clean.h); no secret */
    int64_t took_ms;
};

int mail_client_open(struct loop *l, struct mail_client **ret); /* 0 or -ENOMEM */
/* Ends the mails under way: their callbacks fire, not taken, before this returns. NULL is nothing. */
void mail_client_close(struct mail_client *c);
/* All of @req is copied. @done fires exactly once, never before mail_send() has returned. Returns 0, -ENOMEM or
 * -EINVAL: a line break in an address or in the URL. */
int mail_send(struct mail_client *c, const struct mail_request *req,
              void (*done)(void *ctx, const struct mail_answer *answer), void *ctx);
