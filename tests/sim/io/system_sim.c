/*
 * The system calls of the services, linked in their place (ld's --wrap, see CMakeLists.txt): the machine's clocks and
 * random numbers, sleeping, the locks of the commit thread, lock files, times of files, and the log.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "tests/sim/io/file_watch_sim.h"
#include "tests/sim/io/system_sim.h"
#include "tests/sim/io/world.h"

#define LOCK_FILES_MAX 64

/* ---- clocks ---------------------------------------------------------------------------------- */

void __wrap_clock_init(struct clock *ret);
int64_t __wrap_clock_mono_us(void);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
time_t __wrap_time(time_t *ret);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *rest);

static int64_t read_wall(struct clock *c)
{
    return world_wall();
}

static int64_t read_boot(struct clock *c)
{
    return world_boot();
}

void __wrap_clock_init(struct clock *ret)
{
    *ret = (struct clock){ .wall_ms = read_wall, .boot_ms = read_boot };
    (void)snprintf(ret->boot_id, sizeof ret->boot_id, "%s", world_boot_id());
}

int64_t __wrap_clock_mono_us(void)
{
    return world_boot() * 1000;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
    int64_t ms = id == CLOCK_REALTIME ? world_wall() : world_boot();

    *ret = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    return 0;
}

time_t __wrap_time(time_t *ret)
{
    if (ret)
        *ret = world_wall() / 1000;
    return world_wall() / 1000;
}

int __wrap_nanosleep(const struct timespec *pause, struct timespec *rest)
{
    int64_t ms = pause->tv_sec * 1000 + (pause->tv_nsec + 999999) / 1000000;

    if (process_current())
        (void)fiber_wait(world_now() + ms);
    return 0;
}

/* ---- random numbers -------------------------------------------------------------------------- */

void __wrap_rng_init_random(struct rng *ret);
void __wrap_rng_secret(void *ret, uint32_t n);

void __wrap_rng_init_random(struct rng *ret)
{
    rng_init(ret, world_rand64());
}

void __wrap_rng_secret(void *ret, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        ((uint8_t *)ret)[i] = (uint8_t)world_rand64();
}

/* ---- a lock and a condition between the fibers of a process ---------------------------------- */

/* Kept in the memory of the real ones: the owner and the waiting processes. */
struct lock {
    struct fiber *holder;
};
struct condition {
    struct fiber *waits;
};
_Static_assert(sizeof(struct lock) <= sizeof(pthread_mutex_t), "fits");
_Static_assert(sizeof(struct condition) <= sizeof(pthread_cond_t), "fits");

int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *m);
int __wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr);
int __wrap_pthread_cond_signal(pthread_cond_t *c);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until);
int __wrap_pthread_cond_destroy(pthread_cond_t *c);

int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
    ((struct lock *)m)->holder = NULL;
    return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    struct lock *l = (struct lock *)m;

    while (l->holder)
        (void)fiber_wait(world_now() + 1);
    l->holder = fiber_current();
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
    ((struct lock *)m)->holder = NULL;
    return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *m)
{
    return 0;
}

int __wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
    ((struct condition *)c)->waits = NULL;
    return 0;
}

int __wrap_pthread_cond_signal(pthread_cond_t *c)
{
    struct fiber *f = ((struct condition *)c)->waits;

    if (f)
        fiber_wake(f);
    return 0;
}

static bool wait_until(struct condition *c, pthread_mutex_t *m, int64_t until)
{
    bool woken;

    c->waits = fiber_current();
    (void)__wrap_pthread_mutex_unlock(m);
    woken = fiber_wait(until);
    c->waits = NULL;
    (void)__wrap_pthread_mutex_lock(m);
    return woken;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    (void)wait_until((struct condition *)c, m, INT64_MAX);
    return 0;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    int64_t ms = until->tv_sec * 1000 + until->tv_nsec / 1000000;

    return wait_until((struct condition *)c, m, world_now() + (ms - world_boot())) ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *c)
{
    return 0;
}

/* ---- lock files and times -------------------------------------------------------------------- */

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_futimens(int fd, const struct timespec times[2]);

static struct {
    struct process *process;
    int fd;
} lock_files[LOCK_FILES_MAX];
static int n_lock_files;

/* The kernel closes all files of a process that dies. */
static void on_process_end(struct process *p)
{
    for (int i = 0; i < n_lock_files; i++) {
        if (lock_files[i].process != p)
            continue;
        (void)__real_flock(lock_files[i].fd, LOCK_UN);
        lock_files[i--] = lock_files[--n_lock_files];
    }
}

int __wrap_flock(int fd, int operation)
{
    int r = __real_flock(fd, operation);

    if (r != 0 || !process_current())
        return r;
    process_on_end(on_process_end);
    for (int i = 0; i < n_lock_files; i++) {
        if (lock_files[i].fd == fd) { /* it was closed since, and its number is given again */
            lock_files[i].process = process_current();
            return r;
        }
    }
    if (n_lock_files == LOCK_FILES_MAX)
        abort();
    lock_files[n_lock_files].process = process_current();
    lock_files[n_lock_files++].fd = fd;
    return r;
}

int __wrap_futimens(int fd, const struct timespec times[2])
{
    char link[64], path[256] = "";
    ssize_t n;

    process_step();
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n > 0)
        file_watch_sim_happened(path, FILE_WATCH_TIMES);
    return 0;
}

/* ---- the process itself ---------------------------------------------------------------------- */

void __wrap_mem_trim_startup(void);
void __wrap_log_event(enum log_level level, const char *id, const char *msg, const struct log_kv *kv, int n);
bool __wrap_log_enabled(enum log_level level);
void __wrap_log_setup(const char *service, enum log_level level, enum log_format format);

int64_t system_sim_errors;

void __wrap_mem_trim_startup(void)
{
}

void __wrap_log_setup(const char *service, enum log_level level, enum log_format format)
{
}

bool __wrap_log_enabled(enum log_level level)
{
    system_sim_errors += level == LOG_LEVEL_ERROR;
    return world_verbose && level >= LOG_LEVEL_INFO;
}

void __wrap_log_event(enum log_level level, const char *id, const char *msg, const struct log_kv *kv, int n)
{
    char line[1024] = "";
    size_t at = 0;

    for (int i = 0; i < n && at < sizeof line - 1; i++) {
        if (kv[i].str.p)
            at += (size_t)snprintf(line + at, sizeof line - at, " %s=\"%.*s\"", kv[i].key, (int)kv[i].str.n,
                                   kv[i].str.p);
        else
            at += (size_t)snprintf(line + at, sizeof line - at, " %s=%lld", kv[i].key, (long long)kv[i].num);
    }
    world_log("[%s] %s%s", id, msg, line);
}
