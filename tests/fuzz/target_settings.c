/*
 * Settings from flags, environment and a secret's file. A line "$NAME=value" is the environment, "@text" is
 * what the file of the secret holds, every other line is an argument.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/settings.h"
#include "common/base/url.h"
#include "common/base/utf8.h"
#include "tests/fuzz/input.h"

#define ARGS_MAX 40
#define HUSH     "hush-hush"

struct values {
    const char *text, *secret, *choice, *url, *listen;
    int64_t number, duration, bytes, rate;
    bool flag;
};
#define AT(field) offsetof(struct values, field)

static const struct setting table[] = {
    { .name = "ZKF_TEXT", .at = AT(text), .def = "default", .help = "a text" },
    { .name = "ZKF_SECRET", .at = AT(secret), .secret = true, .help = "a secret" },
    { .name = "ZKF_CHOICE",
      .kind = SETTING_CHOICE,
      .at = AT(choice),
      .def = "a",
      .choices = "a bc",
      .help = "one" },
    { .name = "ZKF_URL", .kind = SETTING_URL, .at = AT(url), .help = "a URL" },
    { .name = "ZAPKEEP_ZKF_LISTEN", .kind = SETTING_LISTEN, .at = AT(listen), .def = "off", .help = "where" },
    { .name = "ZKF_NUMBER",
      .kind = SETTING_INT,
      .at = AT(number),
      .def = "5",
      .min = 1,
      .max = 10,
      .help = "a number" },
    { .name = "ZKF_DURATION",
      .kind = SETTING_DURATION,
      .at = AT(duration),
      .def = "60s",
      .min = 1000,
      .max = 3600000,
      .help = "time" },
    { .name = "ZKF_BYTES",
      .kind = SETTING_BYTES,
      .at = AT(bytes),
      .def = "1MiB",
      .min = 1,
      .max = INT64_MAX,
      .help = "size" },
    { .name = "ZKF_RATE",
      .kind = SETTING_RATE,
      .at = AT(rate),
      .def = "2/s",
      .min = 1,
      .max = 1000000,
      .help = "rate" },
    { .name = "JSON",
      .kind = SETTING_BOOL,
      .at = AT(flag),
      .def = "false",
      .flag_only = true,
      .help = "a flag" },
    { 0 },
};

static void clear_environment(void)
{
    for (const struct setting *row = table; row->name; row++)
        (void)unsetenv(row->name);
    (void)unsetenv("ZKF_SECRET_FILE");
    (void)setenv("ZKF_SECRET", HUSH, 1);
}

static void set_environment(char *line)
{
    char *value = strchr(line, '=');

    if (!value)
        return;
    *value++ = '\0';
    for (const struct setting *row = table; row->name; row++) {
        if (strcmp(row->name, line) == 0)
            (void)setenv(line, value, 1);
    }
}

/* A file in memory, which ZKF_SECRET_FILE names. Returns its descriptor. */
static int set_secret_file(const char *text)
{
    int fd = memfd_create("secret", MFD_CLOEXEC);
    char path[64];

    MUST(fd >= 0);
    MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)setenv("ZKF_SECRET_FILE", path, 1);
    return fd;
}

static void must_make_sense(const struct values *v)
{
    char host[64];
    uint16_t port;
    struct url url;

    MUST(strcmp(v->choice, "a") == 0 || strcmp(v->choice, "bc") == 0);
    MUST(v->url[0] == '\0' || url_parse(v->url, &url) == 0);
    MUST(strcmp(v->listen, "off") == 0 || url_parse_listen(v->listen, host, sizeof host, &port) == 0);
    MUST(v->number >= 1 && v->number <= 10);
    MUST(v->duration >= 1000 && v->duration <= 3600000);
    MUST(v->bytes >= 1);
    MUST(v->rate >= 1 && v->rate <= 1000000);
    MUST(strlen(v->text) < SETTINGS_VALUE_MAX && strlen(v->secret) < SETTINGS_VALUE_MAX);
}

static void must_be_one_line(const struct buf *problem)
{
    MUST(problem->len > 0 && utf8_is_valid(problem->data, problem->len));
    for (size_t i = 0; i < problem->len; i++)
        MUST((unsigned char)problem->data[i] >= 0x20);
}

static void add_line(void *ctx, const char *name, const char *value, bool is_default)
{
    (void)buf_addf(ctx, "%s=%s %d\n", name, value, is_default);
}

static void read_settings(int argc, char *const argv[], bool may_show)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(16 * 1024), dump = BUF_INIT(64 * 1024);
    struct settings_args args;
    struct values v;
    int r = settings_read(table, argc, argv, &problem, &v, &args);

    MUST(r == 0 || r == SETTINGS_HELP || r == SETTINGS_VERSION || r == -EINVAL);
    if (r == -EINVAL)
        must_be_one_line(&problem);
    if (r == 0) {
        must_make_sense(&v);
        MUST(args.n <= SETTINGS_ARGS_MAX && args.n < argc);
        settings_each(table, &v, add_line, &dump);
        settings_free(table, &v);
    }
    MUST(may_show || !strstr(buf_str(&problem), HUSH));
    MUST(may_show || !strstr(buf_str(&dump), HUSH));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    const bool may_show = input_has(rest, "hush");
    char *argv[ARGS_MAX + 1] = { input_copy(STR_LIT("prog")) };
    int argc = 1, fd = -1;
    long live = mem_live();

    clear_environment();
    while (rest.n && argc < ARGS_MAX) {
        char *line = input_copy(input_until(&rest, "\n"));

        if (line[0] == '$')
            set_environment(line + 1);
        else if (line[0] == '@' && fd < 0)
            fd = set_secret_file(line + 1);
        else
            argv[argc++] = TAKE(line);
        free(line);
    }
    read_settings(argc, argv, may_show);
    MUST(mem_live() == live);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    if (fd >= 0)
        (void)close(fd);
    return 0;
}
