#include "common/io/bus_nng.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "common/base/mem.h"
#include "proto/message.h"

/* A hub that comes back is found within this, after an absence of any length. nng's own default is a fixed
 * second. */
#define REDIAL_MIN_MS 100
#define REDIAL_MAX_MS 5000
/* A socket closes within milliseconds, or never. */
#define CLOSE_MAX_S 1

int bus_error(int rv)
{
    switch (rv) {
    case 0:
        return 0;
    case NNG_ENOMEM:
        return -ENOMEM;
    case NNG_EADDRINUSE:
        return -EADDRINUSE;
    case NNG_EPERM:
        return -EACCES;
    case NNG_EAGAIN:
    case NNG_ETIMEDOUT:
        return -EAGAIN;
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
    case NNG_ENOTSUP:
        return -EINVAL;
    default:
        return rv & NNG_ESYSERR ? -(rv & ~NNG_ESYSERR) : -EIO;
    }
}

void bus_options(nng_socket s, int queue)
{
    (void)nng_socket_set_int(s, NNG_OPT_SENDBUF, queue);
    (void)nng_socket_set_int(s, NNG_OPT_RECVBUF, queue);
    (void)nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, MESSAGE_BYTES_MAX);
    (void)nng_socket_set_ms(s, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
    (void)nng_socket_set_ms(s, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
}

void bus_on_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    atomic_int *pipes = arg;

    atomic_fetch_add(pipes, ev == NNG_PIPE_EV_ADD_POST ? 1 : -1);
}

void bus_count_pipes(nng_socket s, atomic_int *pipes)
{
    (void)nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, bus_on_pipe, pipes);
    (void)nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, bus_on_pipe, pipes);
}

int bus_open_aio(nng_aio **ret)
{
    int rv = nng_aio_alloc(ret, NULL, NULL);

    if (rv == 0)
        nng_aio_set_timeout(*ret, NNG_DURATION_ZERO);
    return rv;
}

nng_msg *bus_receive(nng_socket s, nng_aio *aio)
{
    nng_recv_aio(s, aio);
    nng_aio_wait(aio);
    return nng_aio_result(aio) == 0 ? nng_aio_get_msg(aio) : NULL;
}

int bus_send(nng_socket s, nng_aio *aio, nng_msg *msg)
{
    int rv;

    nng_aio_set_msg(aio, msg);
    nng_send_aio(s, aio);
    nng_aio_wait(aio);
    rv = nng_aio_result(aio);
    if (rv != 0)
        nng_msg_free(msg);
    return rv;
}

/* ---- closing --------------------------------------------------------------------------------- */

struct closing {
    nng_socket socket;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool closed, given_up;
};

static void free_closing(struct closing *c)
{
    (void)pthread_cond_destroy(&c->done);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static void *run_closing(void *arg)
{
    struct closing *c = arg;
    bool given_up;

    (void)nng_close(c->socket);
    (void)pthread_mutex_lock(&c->lock);
    c->closed = true;
    given_up = c->given_up;
    (void)pthread_cond_signal(&c->done);
    (void)pthread_mutex_unlock(&c->lock);
    if (given_up)
        free_closing(c);
    return NULL;
}

static void wait_for_closing(struct closing *c, pthread_t thread)
{
    struct timespec until;
    bool closed;
    int r = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_MAX_S;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->closed && r == 0)
        r = pthread_cond_timedwait(&c->done, &c->lock, &until);
    closed = c->closed;
    c->given_up = !closed;
    (void)pthread_mutex_unlock(&c->lock);
    if (!closed) {
        (void)pthread_detach(thread);
        return;
    }
    (void)pthread_join(thread, NULL);
    free_closing(c);
}

/*
 * nng_close() of this version never returns now and then, once in some hundred times when the socket has just
 * dialled (nanomsg/nng, issues 1543 and 1813: the thread that takes pipes apart waits for a task that was
 * prepared and not started). A program that ends must not wait for it.
 */
void bus_close_socket(nng_socket s)
{
    struct closing *c = mem_zalloc(sizeof *c);
    pthread_t thread;

    (void)nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, NULL, NULL);
    (void)nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, NULL, NULL);
    if (!c) {
        (void)nng_close(s);
        return;
    }
    c->socket = s;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->done, NULL);
    if (pthread_create(&thread, NULL, run_closing, c) == 0) {
        wait_for_closing(c, thread);
        return;
    }
    (void)nng_close(s);
    free_closing(c);
}
