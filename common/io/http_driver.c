/*
 *   on_socket          curl names a descriptor and the events it waits for: a watcher of the loop waits for
 *   them
 *   on_ready/on_timer  readiness or time goes back to curl
 *   take_finished      each transfer that is over goes to on_done
 */
#include "common/io/http_driver.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/mem.h"
#include "common/io/loop_uv.h"

/*
 * The watcher of one descriptor. curl takes its interest back after each call and takes it up again for the
 * next one: a watcher of a connection of ours goes on meanwhile, which spares two system calls a call (3 of
 * 28 µs of an event of the forwarder). curl's own descriptors (of its resolver) are closed without a word, so
 * their watchers end when curl is no longer interested.
 */
struct watcher {
    uv_poll_t uv;
    struct http_driver *driver;
    curl_socket_t fd;
    int events;  /* the events it waits for now, 0: none */
    bool wanted; /* by curl */
};

struct descriptor {
    struct watcher *watcher;
    bool ours;
};

struct http_driver {
    struct loop *loop;
    CURLM *multi;
    uv_timer_t *timer;
    struct descriptor *descriptors; /* by number */
    int n_descriptors;
    bool soon;
    void (*on_done)(void *ctx, CURL *easy, CURLcode code);
    void (*on_soon)(void *ctx);
    void *ctx;
};

/* ---- readiness and time ---------------------------------------------------------------------- */

static void take_finished(struct http_driver *d)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(d->multi, &left))) {
        if (msg->msg == CURLMSG_DONE)
            d->on_done(d->ctx, msg->easy_handle, msg->data.result);
    }
}

static void drive(struct http_driver *d, curl_socket_t fd, int events)
{
    int running;

    (void)curl_multi_socket_action(d->multi, fd, events, &running);
    take_finished(d);
}

static void on_timer(uv_timer_t *t)
{
    struct http_driver *d = t->data;

    if (d->soon) {
        d->soon = false;
        d->on_soon(d->ctx);
    }
    drive(d, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long ms, void *ctx)
{
    struct http_driver *d = ctx;

    if (d->soon)
        return 0; /* it fires at once, and curl's time with it */
    if (ms < 0)
        (void)uv_timer_stop(d->timer);
    else
        (void)uv_timer_start(d->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

void http_driver_soon(struct http_driver *d)
{
    d->soon = true;
    (void)uv_timer_start(d->timer, on_timer, 0, 0);
}

/* An error shows when curl reads or writes: the bytes before it are read first. */
static void on_ready(uv_poll_t *h, int status, int events)
{
    struct watcher *w = container_of(h, struct watcher, uv);

    if (!w->wanted) { /* an idle connection was closed by its peer */
        (void)uv_poll_stop(h);
        w->events = 0;
        return;
    }
    if (status != 0)
        events = UV_READABLE | UV_WRITABLE;
    drive(w->driver, w->fd,
          (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static struct descriptor *find(struct http_driver *d, curl_socket_t fd)
{
    struct descriptor *more;

    if (fd < d->n_descriptors)
        return &d->descriptors[fd];
    more = mem_realloc(d->descriptors, ((size_t)fd + 1) * sizeof *more);
    if (!more)
        return NULL;
    for (int i = d->n_descriptors; i <= fd; i++)
        more[i] = (struct descriptor){ 0 };
    d->descriptors = more;
    d->n_descriptors = fd + 1;
    return &more[fd];
}

static void on_watcher_closed(uv_handle_t *h)
{
    mem_free(container_of(h, struct watcher, uv));
}

static void end_watcher(struct descriptor *at)
{
    if (at->watcher)
        uv_close((uv_handle_t *)&at->watcher->uv, on_watcher_closed);
    at->watcher = NULL;
}

static int start_watcher(struct http_driver *d, struct descriptor *at, curl_socket_t fd, int events)
{
    if (!at->watcher) {
        struct watcher *w = mem_zalloc(sizeof *w);

        if (!w || uv_poll_init(loop_uv(d->loop), &w->uv, fd) != 0) {
            mem_free(w);
            return -1;
        }
        w->driver = d;
        w->fd = fd;
        at->watcher = w;
    }
    at->watcher->wanted = true;
    if (at->watcher->events == events)
        return 0;
    at->watcher->events = events;
    return uv_poll_start(&at->watcher->uv, events, on_ready) == 0 ? 0 : -1;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct http_driver *d = ctx;
    struct descriptor *at = find(d, fd);

    if (!at)
        return -1;
    if (what != CURL_POLL_REMOVE)
        return start_watcher(
            d, at, fd, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
    if (!at->ours)
        end_watcher(at);
    else if (at->watcher)
        at->watcher->wanted = false;
    return 0;
}

curl_socket_t http_driver_socket(struct http_driver *d, const struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    struct descriptor *at = fd < 0 ? NULL : find(d, fd);

    if (at) {
        at->ours = true;
        return fd;
    }
    if (fd >= 0)
        (void)close(fd);
    return CURL_SOCKET_BAD;
}

int http_driver_close_socket(void *driver, curl_socket_t fd)
{
    struct http_driver *d = driver;

    end_watcher(&d->descriptors[fd]);
    d->descriptors[fd].ours = false;
    return close(fd);
}

/* ---- transfers ------------------------------------------------------------------------------- */

int http_driver_add(struct http_driver *d, CURL *easy)
{
    return curl_multi_add_handle(d->multi, easy) == CURLM_OK ? 0 : -ENOMEM;
}

void http_driver_remove(struct http_driver *d, CURL *easy)
{
    (void)curl_multi_remove_handle(d->multi, easy);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int open_multi(struct http_driver *d, int max_connections)
{
    static bool global;

    if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    global = true;
    d->multi = curl_multi_init();
    if (!d->multi)
        return -ENOMEM;
    (void)curl_multi_setopt(d->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(d->multi, CURLMOPT_SOCKETDATA, d);
    (void)curl_multi_setopt(d->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl_multi_setopt(d->multi, CURLMOPT_TIMERDATA, d);
    (void)curl_multi_setopt(d->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    (void)curl_multi_setopt(d->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    return 0;
}

int http_driver_open(struct loop *l, int max_connections,
                     void (*on_done)(void *ctx, CURL *easy, CURLcode code), void (*on_soon)(void *ctx),
                     void *ctx, struct http_driver **ret)
{
    struct http_driver *d = mem_zalloc(sizeof *d);
    int r;

    if (!d)
        return -ENOMEM;
    *d = (struct http_driver){ .loop = l, .on_done = on_done, .on_soon = on_soon, .ctx = ctx };
    d->timer = mem_zalloc(sizeof *d->timer);
    if (!d->timer) {
        mem_free(d);
        return -ENOMEM;
    }
    (void)uv_timer_init(loop_uv(l), d->timer);
    d->timer->data = d;
    r = open_multi(d, max_connections);
    if (r != 0) {
        http_driver_close(d);
        return r;
    }
    *ret = d;
    return 0;
}

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

void http_driver_close(struct http_driver *d)
{
    if (!d)
        return;
    if (d->multi)
        (void)curl_multi_cleanup(d->multi);
    for (int i = 0; i < d->n_descriptors; i++)
        end_watcher(&d->descriptors[i]);
    uv_close((uv_handle_t *)d->timer, on_timer_closed);
    mem_free(d->descriptors);
    mem_free(d);
}
