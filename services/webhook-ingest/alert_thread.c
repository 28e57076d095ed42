#include "services/webhook-ingest/alert_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "common/base/mem.h"
#include "common/io/loop.h"

struct alert_thread {
    void (*pass)(void *ctx);
    void *ctx;
    struct thread *thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    bool poked, stop;
};

static void run(void *ctx)
{
    struct alert_thread *t = ctx;

    (void)pthread_mutex_lock(&t->lock);
    for (;;) {
        while (!t->poked && !t->stop)
            (void)pthread_cond_wait(&t->more, &t->lock);
        if (t->stop)
            break;
        t->poked = false;
        (void)pthread_mutex_unlock(&t->lock);
        t->pass(t->ctx);
        (void)pthread_mutex_lock(&t->lock);
    }
    (void)pthread_mutex_unlock(&t->lock);
}

int alert_thread_open(void (*pass)(void *ctx), void *ctx, struct alert_thread **ret)
{
    struct alert_thread *t = mem_zalloc(sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    t->pass = pass;
    t->ctx = ctx;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->more, NULL);
    r = thread_start(run, t, &t->thread);
    if (r == 0)
        *ret = t;
    else
        alert_thread_close(t);
    return r;
}

void alert_thread_poke(struct alert_thread *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->poked = true;
    (void)pthread_cond_signal(&t->more);
    (void)pthread_mutex_unlock(&t->lock);
}

void alert_thread_close(struct alert_thread *t)
{
    if (!t)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->stop = true;
    (void)pthread_cond_signal(&t->more);
    (void)pthread_mutex_unlock(&t->lock);
    thread_join(t->thread);
    (void)pthread_cond_destroy(&t->more);
    (void)pthread_mutex_destroy(&t->lock);
    mem_free(t);
}
