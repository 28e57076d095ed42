/* common/io/mail.h: nobody sends mails in the simulation. */
#include "common/io/mail.h"

#include <errno.h>

int mail_client_open(struct loop *l, struct mail_client **ret)
{
    (void)l;
    *ret = NULL;
    return 0;
}

void mail_client_close(struct mail_client *c)
{
    (void)c;
}

int mail_send(struct mail_client *c, const struct mail_request *req,
              void (*done)(void *ctx, const struct mail_answer *answer), void *ctx)
{
    (void)c;
    (void)req;
    (void)done;
    (void)ctx;
    return -ENOMEM;
}
