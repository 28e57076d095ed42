#include "common/app/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/own_file.h"

/* Help of all settings, or one problem. */
#define HELP_MAX (64 * 1024)

int boot_exit(const struct app_spec *spec, enum exit_code code, const char *fmt, ...)
{
    va_list ap;

    (void)fprintf(stderr, "%s: ", spec->program);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    return APP_EXIT(code);
}

/* ---- settings -------------------------------------------------------------------------------- */

static int print_help(const struct app_spec *spec)
{
    CLEANUP(buf_fini) struct buf help = BUF_INIT(HELP_MAX);

    settings_help(spec->table, &help);
    if (spec->args)
        printf("%s %s\n%s\n\n%s", spec->program, spec->args, spec->what, buf_str(&help));
    else
        printf("%s - %s\n\n%s", spec->program, spec->what, buf_str(&help));
    return APP_EXIT(EXIT_DONE);
}

static int print_version(const struct app_spec *spec)
{
    printf("%s %s\n", spec->program, ZK_VERSION);
    return APP_EXIT(EXIT_DONE);
}

int boot_settings(const struct app_spec *spec, const struct app_start *start, void *settings)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(HELP_MAX);
    int r = settings_read(spec->table, start->argc, start->argv, &problem, settings, start->args);

    if (r == 0) {
        r = bus_settings_complete(settings, &problem);
        if (r != 0)
            settings_free(spec->table, settings);
    }
    if (r == SETTINGS_HELP)
        return print_help(spec);
    if (r == SETTINGS_VERSION)
        return print_version(spec);
    if (r == -EINVAL)
        return boot_exit(spec, EXIT_USAGE, "%s", buf_str(&problem));
    return r;
}

void boot_log(const struct app_spec *spec, const struct app_settings *s)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    enum log_level level = LOG_LEVEL_INFO;

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(s->log_level, levels[i]) == 0)
            level = (enum log_level)i;
    }
    log_setup(spec->service, level, strcmp(s->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
}

/* ---- the data folder -------------------------------------------------------------------------- */

/* Makes a file in it and removes it: only a try answers for permissions, mounts and disks. The file's name is
 * random: in containers that share the folder every service is process 1. */
static int try_dir(const char *dir)
{
    char path[OWN_PATH_MAX];
    int fd, r;

    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return -errno;
    r = own_path(dir, ".zapkeep-XXXXXX", path, sizeof path);
    if (r != 0)
        return r;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    (void)unlink(path);
    return 0;
}

int boot_data_dir(const struct app_spec *spec, const struct app_settings *s)
{
    int r = spec->needs_data_dir ? try_dir(s->data_dir) : 0;

    if (r == 0 || r == -ENOSPC)
        return 0;
    return boot_exit(spec, EXIT_UNREACHABLE,
                     "cannot write in ZAPKEEP_DATA_DIR %s: %s; make it a folder that this user may write",
                     s->data_dir, err_text(r));
}

/* ---- the line at the start ------------------------------------------------------------------- */

/* A log line of 4 KiB has room for no more. */
#define SHOWN_MAX 64

struct shown {
    struct buf texts; /* the values, each with its NUL */
    struct log_kv kv[SHOWN_MAX];
    size_t at[SHOWN_MAX];
    int n;
};

static void on_setting(void *ctx, const char *name, const char *value, bool is_default)
{
    struct shown *s = ctx;

    if (is_default || s->n == SHOWN_MAX)
        return;
    s->at[s->n] = s->texts.len;
    if (buf_add(&s->texts, value, strlen(value) + 1) == 0)
        s->kv[s->n++].key = name;
}

void boot_show_settings(const struct app_spec *spec, const void *settings)
{
    CLEANUP(buf_fini) struct buf texts = BUF_NULL;
    struct shown s = { .texts = BUF_INIT(HELP_MAX) };

    settings_each(spec->table, settings, on_setting, &s);
    texts = s.texts;
    for (int i = 0; i < s.n; i++)
        s.kv[i].str = str_from(texts.data + s.at[i]);
    if (log_enabled(LOG_LEVEL_INFO))
        log_event(LOG_LEVEL_INFO, "settings", "started with these settings, all others are at their defaults",
                  s.kv, s.n);
}

void boot_warn_of_flag(const char *name)
{
    log_warn("secret-in-flag",
             "a secret was given as a flag, where every user of this machine can read it; set it in the "
             "environment, or "
             "name its file by NAME_FILE",
             KS("setting", name));
}
