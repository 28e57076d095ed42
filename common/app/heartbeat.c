#include "common/app/heartbeat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"

#define DIR_NAME   "alive"
#define PATH_BYTES 4200
#define HOST_BYTES 65
/* "<boot id> <boot ms>\n" */
#define LINE_BYTES 128

struct heartbeat {
    struct clock *clock;
    int fd;
    char path[PATH_BYTES];
};

/* ---- reading --------------------------------------------------------------------------------- */

/* The age of one file's sign of life, INT64_MAX: of another start of the machine, or not to be read. */
static int64_t age_of(int dir, const char *name, struct clock *clock)
{
    char line[LINE_BYTES] = "", boot_id[LINE_BYTES] = "";
    long long boot_ms = 0;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
    int64_t now_ms = clock->boot_ms(clock);
    const char *space;

    if (fd >= 0)
        (void)close(fd);
    space = n > 0 ? strchr(line, ' ') : NULL;
    if (!space)
        return INT64_MAX;
    (void)snprintf(boot_id, sizeof boot_id, "%.*s", (int)(space - line), line);
    boot_ms = strtoll(space + 1, NULL, 10);
    if (strcmp(boot_id, clock->boot_id) != 0 || boot_ms > now_ms)
        return INT64_MAX;
    return now_ms - boot_ms;
}

/* "<service>.<machine>.<pid>": containers that share the folder all have process 1. */
static bool is_of(const char *name, const char *service)
{
    size_t n = strlen(service);

    return strncmp(name, service, n) == 0 && name[n] == '.';
}

static DIR *open_dir(const char *data_dir)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "%s/" DIR_NAME, data_dir);
    return opendir(path);
}

enum heartbeat_state heartbeat_find(const char *data_dir, const char *service, struct clock *clock,
                                    int64_t *ret_age_ms)
{
    DIR *dir = open_dir(data_dir);
    const struct dirent *e;
    int64_t newest_ms = INT64_MAX;
    bool any = false;

    while (dir && (e = readdir(dir))) {
        int64_t age_ms;

        if (!is_of(e->d_name, service))
            continue;
        any = true;
        age_ms = age_of(dirfd(dir), e->d_name, clock);
        newest_ms = age_ms < newest_ms ? age_ms : newest_ms;
    }
    if (dir)
        (void)closedir(dir);
    if (ret_age_ms)
        *ret_age_ms = any && newest_ms < INT64_MAX ? newest_ms : 0;
    if (!any)
        return HEARTBEAT_NONE;
    return newest_ms <= HEARTBEAT_DEAD_MS ? HEARTBEAT_ALIVE : HEARTBEAT_DEAD;
}

/* Of this machine, or of this container, as a part of a file name. */
static void machine_name(char ret[HOST_BYTES])
{
    if (gethostname(ret, HOST_BYTES) != 0 || *ret == '\0')
        (void)snprintf(ret, HOST_BYTES, "machine");
    ret[HOST_BYTES - 1] = '\0';
    for (char *p = ret; *p; p++)
        *p = *p == '/' ? '-' : *p;
}

/* A process of this machine is looked for; of another one only its sign of life is known. */
static bool may_run(const char *name)
{
    const char *machine = strchr(name, '.');
    const char *dot = strrchr(name, '.');
    long pid = dot ? strtol(dot + 1, NULL, 10) : 0;
    char host[HOST_BYTES];

    machine_name(host);
    if (!machine || dot <= machine || (size_t)(dot - machine - 1) != strlen(host) ||
        strncmp(machine + 1, host, strlen(host)) != 0)
        return true;
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
}

bool heartbeat_any(const char *data_dir, struct clock *clock, char *ret_name, size_t n)
{
    DIR *dir = open_dir(data_dir);
    const struct dirent *e;
    bool found = false;

    while (dir && !found && (e = readdir(dir))) {
        found = strchr(e->d_name, '.') > e->d_name && may_run(e->d_name) &&
                age_of(dirfd(dir), e->d_name, clock) <= HEARTBEAT_DEAD_MS;
        if (found)
            (void)snprintf(ret_name, n, "%.*s", (int)strcspn(e->d_name, "."), e->d_name);
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* One of our name starts: the files of its dead namesakes have done their work. Of this machine those too that were alive a
 * moment ago: a program that was killed is started again at once, and its file would say "dead" after an orderly stop. */
static void remove_dead(const char *data_dir, const char *service, struct clock *clock)
{
    DIR *dir = open_dir(data_dir);
    const struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (is_of(e->d_name, service) &&
            (age_of(dirfd(dir), e->d_name, clock) > HEARTBEAT_DEAD_MS || !may_run(e->d_name)))
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        (void)closedir(dir);
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* Somebody removed it: one who does not see our process, in a container that has this machine's name. */
static void open_again(struct heartbeat *h)
{
    int fd = open_file(h->path);

    if (fd < 0)
        return;
    (void)close(h->fd);
    h->fd = fd;
}

void heartbeat_write(struct heartbeat *h)
{
    char line[LINE_BYTES];
    struct stat st;
    int n =
        snprintf(line, sizeof line, "%s %lld\n", h->clock->boot_id, (long long)h->clock->boot_ms(h->clock));

    if (fstat(h->fd, &st) == 0 && st.st_nlink == 0)
        open_again(h);
    (void)(pwrite(h->fd, line, (size_t)n, 0) == n && ftruncate(h->fd, n) == 0);
}

int heartbeat_open(const char *data_dir, const char *service, struct clock *clock, struct heartbeat **ret)
{
    struct heartbeat *h;
    char dir[PATH_BYTES], host[HOST_BYTES];

    (void)snprintf(dir, sizeof dir, "%s/" DIR_NAME, data_dir);
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return -errno;
    remove_dead(data_dir, service, clock);
    h = mem_zalloc(sizeof *h);
    if (!h)
        return -ENOMEM;
    h->clock = clock;
    machine_name(host);
    (void)snprintf(h->path, sizeof h->path, "%.4000s/" DIR_NAME "/%s.%s.%d", data_dir, service, host,
                   (int)getpid());
    h->fd = open_file(h->path);
    if (h->fd < 0) {
        int e = errno;

        mem_free(h);
        return -e;
    }
    heartbeat_write(h);
    *ret = h;
    return 0;
}

void heartbeat_close(struct heartbeat *h)
{
    if (!h)
        return;
    (void)unlink(h->path);
    (void)close(h->fd);
    mem_free(h);
}

const char *heartbeat_first_dead(const char *data_dir, struct clock *clock)
{
    static const char *const services[] = { "monitor", "webhook-ingest", "reconnect-worker", "forwarder",
                                            "bus-hub" };

    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (heartbeat_find(data_dir, services[i], clock, NULL) == HEARTBEAT_DEAD)
            return services[i];
    }
    return NULL;
}
