/* The addresses of the bus: Unix sockets in the data folder, unless somebody sets others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "common/app/app_spec.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/io/bus.h"

/* The longest path of a Unix socket that the kernel takes. */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static const char scheme[] = "ipc://";
static const char out_file[] = "/bus-out.sock";

static int set_default(const char **field, const char *dir, const char *file)
{
    CLEANUP(buf_fini) struct buf url = BUF_INIT(SETTINGS_VALUE_MAX + 64);
    char *copy;

    if (**field)
        return 0;
    (void)buf_addf(&url, "%s%s%s", scheme, dir, file);
    copy = mem_strdup(buf_str(&url));
    if (!copy)
        return -ENOMEM;
    mem_free((char *)*field);
    *field = copy;
    return 0;
}

static bool is_in_folder(const char *url, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(url, scheme, strlen(scheme)) == 0 && strncmp(url + strlen(scheme), dir, n) == 0 &&
           strcmp(url + strlen(scheme) + n, out_file) == 0;
}

static int check_one(const char *name, const char *url, struct buf *problem)
{
    size_t n = strncmp(url, scheme, strlen(scheme)) == 0 ? strlen(url) - strlen(scheme) : 0;

    if (n <= SOCKET_PATH_MAX)
        return 0;
    (void)buf_addf(
        problem,
        "%s is %s: the path of a Unix socket has at most %zu characters, this one has %zu; set a "
        "ZAPKEEP_DATA_DIR with a shorter path, or ZAPKEEP_BUS_IN, ZAPKEEP_BUS_OUT and ZAPKEEP_BUS_FEED",
        name, url, SOCKET_PATH_MAX, n);
    return -EINVAL;
}

static int check_length(const char *name, const char *urls, struct buf *problem)
{
    char url[URL_BUS_MAX];
    int r = 0;

    while (r == 0 && url_bus_next(&urls, url))
        r = check_one(name, url, problem);
    return r;
}

int bus_settings_complete(struct app_settings *s, struct buf *problem)
{
    int r = set_default(&s->bus_in, s->data_dir, "/bus-in.sock");

    if (r == 0)
        r = set_default(&s->bus_out, s->data_dir, out_file);
    if (r == 0 && is_in_folder(s->bus_out, s->data_dir))
        r = set_default(&s->bus_feed, s->data_dir, "/bus-feed.sock");
    if (r == 0)
        r = check_length("ZAPKEEP_BUS_IN", s->bus_in, problem);
    if (r == 0)
        r = check_length("ZAPKEEP_BUS_OUT", s->bus_out, problem);
    if (r == 0)
        r = check_length("ZAPKEEP_BUS_FEED", s->bus_feed, problem);
    return r == 0 ? bus_identity(s->bus_cert, s->bus_ca) : r;
}
