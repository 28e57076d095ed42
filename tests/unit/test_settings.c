/* Settings: the source of a value, the values that are refused, and the text of the refusal. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/settings.h"

struct values {
    const char *text, *secret, *choice, *url, *listen;
    int64_t number, duration, bytes, rate;
    const char *hook, *id, *bus;
    bool flag;
};

#define AT(field) offsetof(struct values, field)

static const struct setting table[] = {
    { .name = "ZKT_TEXT", .at = AT(text), .def = "default", .help = "a text" },
    { .name = "ZKT_SECRET", .at = AT(secret), .secret = true, .help = "a secret" },
    { .name = "ZKT_CHOICE",
      .kind = SETTING_CHOICE,
      .at = AT(choice),
      .def = "a",
      .choices = "a bc",
      .help = "one" },
    { .name = "ZKT_URL", .kind = SETTING_URL, .at = AT(url), .help = "a URL" },
    { .name = "ZAPKEEP_ZKT_LISTEN", .kind = SETTING_LISTEN, .at = AT(listen), .def = "off", .help = "where" },
    { .name = "ZKT_NUMBER",
      .kind = SETTING_INT,
      .at = AT(number),
      .def = "5",
      .min = 1,
      .max = 10,
      .help = "a number" },
    { .name = "ZKT_DURATION",
      .kind = SETTING_DURATION,
      .at = AT(duration),
      .def = "60s",
      .min = 1000,
      .max = 3600000,
      .help = "time" },
    { .name = "ZKT_BYTES", .kind = SETTING_BYTES, .at = AT(bytes), .def = "1MiB", .help = "size" },
    { .name = "ZKT_RATE", .kind = SETTING_RATE, .at = AT(rate), .def = "2/s", .help = "rate" },
    { .name = "JSON",
      .kind = SETTING_BOOL,
      .at = AT(flag),
      .def = "false",
      .flag_only = true,
      .help = "a flag" },
    { .name = "ZKT_ID", .kind = SETTING_ID, .at = AT(id), .def = "main", .help = "a name" },
    { .name = "ZKT_BUS", .kind = SETTING_BUS, .at = AT(bus), .help = "of the hub" },
    { .name = "ZKT_HOOK",
      .kind = SETTING_URL,
      .at = AT(hook),
      .secret = true,
      .help = "a URL with a password" },
    { 0 },
};

static struct buf problem = { .max = 4096 };
static struct settings_args args;

static int read_with(struct values *v, int argc, const char *const *argv)
{
    buf_reset(&problem);
    return settings_read(table, argc, (char *const *)argv, &problem, v, &args);
}
#define READ(v, ...)                                                               \
    read_with(v, (int)ARRAY_LEN(((const char *const[]){ "prog", ##__VA_ARGS__ })), \
              (const char *const[]){ "prog", ##__VA_ARGS__, NULL })

static void defaults_are_taken(void **state)
{
    struct values v;

    assert_int_equal(READ(&v), 0);
    assert_string_equal(v.text, "default");
    assert_string_equal(v.secret, "");
    assert_string_equal(v.listen, "off");
    assert_int_equal(v.number, 5);
    assert_int_equal(v.duration, 60000);
    assert_int_equal(v.bytes, 1 << 20);
    assert_int_equal(v.rate, 2000);
    assert_false(v.flag);
    settings_free(table, &v);
}

static void a_flag_wins_over_the_environment(void **state)
{
    struct values v;

    (void)setenv("ZKT_TEXT", "from env", 1);
    (void)setenv("JSON", "true", 1); /* a flag of a command is no business of the environment */
    assert_int_equal(READ(&v), 0);
    assert_string_equal(v.text, "from env");
    assert_false(v.flag);
    settings_free(table, &v);
    assert_int_equal(READ(&v, "--zkt-text=from flag", "--json", "one", "--zkt-number", "7", "--", "--two"),
                     0);
    assert_string_equal(v.text, "from flag");
    assert_int_equal(v.number, 7);
    assert_true(v.flag);
    assert_int_equal(args.n, 2);
    assert_string_equal(args.arg[0], "one");
    assert_string_equal(args.arg[1], "--two");
    settings_free(table, &v);
    (void)setenv("ZKT_TEXT", "", 1); /* empty is not set */
    assert_int_equal(READ(&v), 0);
    assert_string_equal(v.text, "default");
    settings_free(table, &v);
    (void)unsetenv("ZKT_TEXT");
    (void)unsetenv("JSON");
}

static void a_value_is_no_flag_even_if_it_looks_like_one(void **state)
{
    struct values v;

    assert_int_equal(READ(&v, "--zkt-secret", "--zkt-number=7", "--zkt-text", "--", "--json"), 0);
    assert_string_equal(v.secret, "--zkt-number=7");
    assert_int_equal(v.number, 5);
    assert_string_equal(v.text, "--");
    assert_true(v.flag);
    settings_free(table, &v);
}

static void what_was_given_is_told_from_a_default(void **state)
{
    const struct setting *number = &table[5], *secret = &table[1];
    const char *const argv[] = { "prog", "--zkt-secret", "--zkt-number=7", NULL };

    assert_string_equal(number->name, "ZKT_NUMBER");
    assert_false(settings_given(table, number->name, 3, (char *const *)argv));
    assert_true(settings_given(table, secret->name, 3, (char *const *)argv));
    (void)setenv("ZKT_NUMBER", "7", 1);
    assert_true(settings_given(table, number->name, 3, (char *const *)argv));
    (void)unsetenv("ZKT_NUMBER");
}

static void a_secret_that_is_too_long_is_not_cut(void **state)
{
    char path[] = "/tmp/zk-secret-XXXXXX", bytes[SETTINGS_VALUE_MAX];
    int fd = mkstemp(path);
    struct values v;

    assert_true(fd >= 0);
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    (void)close(fd);
    (void)setenv("ZKT_SECRET_FILE", path, 1);
    assert_int_equal(READ(&v), -EINVAL);
    assert_non_null(strstr(buf_str(&problem), "too long"));
    (void)unlink(path);
    (void)unsetenv("ZKT_SECRET_FILE");
}

static void a_secret_may_stand_in_a_file(void **state)
{
    char path[] = "/tmp/zk-secret-XXXXXX";
    int fd = mkstemp(path);
    struct values v;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "s3cret\r\n\n", 9), 9);
    (void)close(fd);
    (void)setenv("ZKT_SECRET", "from env", 1);
    (void)setenv("ZKT_SECRET_FILE", path, 1);
    assert_int_equal(READ(&v), 0);
    assert_string_equal(v.secret, "s3cret");
    settings_free(table, &v);
    (void)unlink(path);
    assert_int_equal(READ(&v), -EINVAL);
    assert_non_null(strstr(buf_str(&problem), "ZKT_SECRET_FILE"));
    (void)unsetenv("ZKT_SECRET_FILE");
    (void)unsetenv("ZKT_SECRET");
}

static void what_makes_no_sense_is_said_in_one_line(void **state)
{
    static const struct {
        const char *arg, *words[3];
    } cases[] = {
        { "--zkt-number=11", { "ZKT_NUMBER", "11", "from 1 to 10" } },
        { "--zkt-number=x", { "ZKT_NUMBER", "whole number" } },
        { "--zkt-duration=1ms", { "ZKT_DURATION", "1ms", "from 1s to 1h" } },
        { "--zkt-duration=soon", { "ZKT_DURATION", "soon", "60s" } },
        { "--zkt-choice=b", { "ZKT_CHOICE", "\"b\"", "a bc" } },
        { "--zkt-url=host:3000", { "ZKT_URL", "host:3000", "http://" } },
        { "--zkt-listen=nowhere", { "ZAPKEEP_ZKT_LISTEN", "nowhere", "off" } },
        { "--zkt-id=a/b", { "ZKT_ID", "a/b", "1 to 64" } },
        { "--zkt-bus=host:1", { "ZKT_BUS", "host:1", "tcp://" } },
        { "--zkt-bytes=1XB", { "ZKT_BYTES", "1XB" } },
        { "--zkt-rate=fast", { "ZKT_RATE", "fast", "2/s" } },
        { "--nothing", { "--nothing", "--help" } },
        { "--zkt-number", { "--zkt-number", "needs a value" } },
        { "--zkt-number=1\n2\x1b", { "ZKT_NUMBER", "1\\n2\\u001b" } },
        { "--no\nthing", { "--no\\nthing", "--help" } },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct values v;

        assert_int_equal(READ(&v, cases[i].arg), -EINVAL);
        for (size_t w = 0; w < 3 && cases[i].words[w]; w++)
            assert_non_null(strstr(buf_str(&problem), cases[i].words[w]));
        assert_null(strchr(buf_str(&problem), '\n'));
    }
}

static void add_line(void *ctx, const char *name, const char *value, bool is_default)
{
    (void)buf_addf(ctx, "%s%s=%s\n", is_default ? "-" : "", name, value);
}

static void a_secret_is_never_shown(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct values v;

    assert_int_equal(READ(&v, "--zkt-secert=hush"), -EINVAL);
    assert_null(strstr(buf_str(&problem), "hush"));
    assert_int_equal(READ(&v, "--zkt-hook=hush"), -EINVAL);
    assert_null(strstr(buf_str(&problem), "hush"));
    assert_int_equal(READ(&v, "--zkt-secret", "hush"), 0);
    settings_each(table, &v, add_line, &out);
    assert_null(strstr(buf_str(&out), "hush"));
    assert_non_null(strstr(buf_str(&out), "ZKT_SECRET=(set)"));
    assert_non_null(strstr(buf_str(&out), "-ZKT_DURATION=1m\n"));
    assert_null(strstr(buf_str(&out), "-ZKT_SECRET"));
    assert_null(strstr(buf_str(&out), "JSON")); /* a command's flag is no setting of the program */
    settings_free(table, &v);
}

static void what_was_set_is_told_from_defaults(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct values v;

    assert_int_equal(READ(&v, "--zkt-url=http://me:hush@host:3000/base?key=hush#hush", "--zkt-number=7",
                          "--zkt-duration=60000ms"),
                     0);
    settings_each(table, &v, add_line, &out);
    assert_null(strstr(buf_str(&out), "hush"));
    assert_non_null(strstr(buf_str(&out), "\nZKT_URL=http://host:3000/…\n"));
    assert_non_null(strstr(buf_str(&out), "\nZKT_NUMBER=7\n"));
    assert_non_null(strstr(buf_str(&out), "\n-ZKT_DURATION=1m\n"));
    assert_non_null(strstr(buf_str(&out), "-ZKT_TEXT=default\n"));
    settings_free(table, &v);
}

/* Each of these is a key that was cut out or pasted wrongly. */
static void a_secret_is_one_word(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "two words", "blank" }, { "key\n", "line break" }, { " key", "blank" },
        { "key\x7f", "control" }, { "key\tkey", "blank" },
    };
    struct values v;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)setenv("ZKT_SECRET", cases[i].text, 1);
        assert_int_equal(READ(&v), -EINVAL);
        assert_non_null(strstr(buf_str(&problem), "ZKT_SECRET "));
        assert_non_null(strstr(buf_str(&problem), cases[i].words));
        assert_null(strstr(buf_str(&problem), "key"));
    }
    (void)setenv("ZKT_SECRET", "new ,\told", 1); /* two of them, while one replaces the other */
    assert_int_equal(READ(&v), 0);
    assert_string_equal(v.secret, "new ,\told");
    settings_free(table, &v);
    (void)unsetenv("ZKT_SECRET");
}

/* Naming a file means wanting a secret: an empty one must not mean "open". */
static void a_secret_file_holds_one_secret(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "", "empty" },          { "\n", "empty" },
        { "  \n", "empty" },      { "one\ntwo\n", "more than one line" },
        { "one two\n", "blank" },
    };
    struct values v;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[] = "/tmp/zk-secret-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
        (void)close(fd);
        (void)setenv("ZKT_SECRET_FILE", path, 1);
        assert_int_equal(READ(&v), -EINVAL);
        (void)unlink(path);
        assert_non_null(strstr(buf_str(&problem), "ZKT_SECRET"));
        assert_non_null(strstr(buf_str(&problem), cases[i].words));
        assert_null(strstr(buf_str(&problem), "one two"));
    }
    (void)unsetenv("ZKT_SECRET_FILE");
}

static void a_secret_in_a_flag_is_noticed(void **state)
{
    const char *const with[] = { "prog", "--zkt-number=7", "--zkt-secret=hush", NULL };

    assert_null(settings_secret_in_flags(table, 2, (char *const *)with));
    assert_string_equal(settings_secret_in_flags(table, 3, (char *const *)with), "ZKT_SECRET");
}

struct outer {
    const char *first;
    struct values inner;
    int64_t kept;
};

/* Rows of an included table fill the struct inside; a field without a row keeps its initial value. */
static void a_table_includes_another(void **state)
{
    static const struct values initial = { .number = 1, .id = "never" };
    static const struct setting part[] = {
        { .name = "ZKT_NUMBER", .kind = SETTING_INT, .at = AT(number), .def = "9", .help = "n" },
        { 0 },
    };
    static const struct setting outer_table[] = {
        { .name = "ZKT_FIRST", .at = offsetof(struct outer, first), .def = "f", .help = "f" },
        { .include = part,
          .at = offsetof(struct outer, inner),
          .initial = &initial,
          .initial_bytes = sizeof initial },
        { .name = "ZKT_KEPT",
          .kind = SETTING_INT,
          .at = offsetof(struct outer, kept),
          .def = "3",
          .help = "k" },
        { 0 },
    };
    const char *const argv[] = { "prog", "--zkt-kept=4", NULL };
    struct outer o = { 0 };

    buf_reset(&problem);
    assert_int_equal(settings_read(outer_table, 2, (char *const *)argv, &problem, &o, NULL), 0);
    assert_string_equal(o.first, "f");
    assert_int_equal(o.inner.number, 9);
    assert_string_equal(o.inner.id, "never");
    assert_int_equal(o.kept, 4);
    settings_free(outer_table, &o);
}

static const char *animal(int i)
{
    static const char *const animals[] = { "ant", "bee", NULL };

    return i < 3 ? animals[i] : NULL;
}

static void choices_may_come_from_a_function(void **state)
{
    static const struct setting choice_table[] = {
        { .name = "ZKT_ANIMAL", .kind = SETTING_CHOICE, .def = "ant", .choice = animal, .help = "which" },
        { 0 },
    };
    const char *const good[] = { "prog", "--zkt-animal=bee", NULL }, *const bad[] = { "prog",
                                                                                      "--zkt-animal=be",
                                                                                      NULL };
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    const char *value = NULL;

    buf_reset(&problem);
    assert_int_equal(settings_read(choice_table, 2, (char *const *)good, &problem, &value, NULL), 0);
    assert_string_equal(value, "bee");
    settings_free(choice_table, &value);
    assert_int_equal(settings_read(choice_table, 2, (char *const *)bad, &problem, &value, NULL), -EINVAL);
    assert_non_null(strstr(buf_str(&problem), "one of: ant bee"));
    settings_help(choice_table, &out);
    assert_non_null(strstr(buf_str(&out), "(ant bee)"));
}

static void help_is_asked_for(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);
    struct values v;

    assert_int_equal(READ(&v, "--help"), SETTINGS_HELP);
    assert_int_equal(READ(&v, "--version"), SETTINGS_VERSION);
    settings_help(table, &out);
    for (const struct setting *row = table; row->name; row++)
        assert_non_null(strstr(buf_str(&out), row->help));
}

static void no_allocation_is_lost_when_one_fails(void **state)
{
    long live = mem_live();
    struct values v;
    int r = -ENOMEM;

    for (long n = 0; r == -ENOMEM; n++) {
        mem_fail_after(n);
        r = READ(&v);
        mem_fail_after(-1);
        if (r != 0)
            assert_int_equal(mem_live(), live);
    }
    assert_int_equal(r, 0);
    settings_free(table, &v);
    assert_int_equal(mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_taken),
        cmocka_unit_test(a_flag_wins_over_the_environment),
        cmocka_unit_test(a_value_is_no_flag_even_if_it_looks_like_one),
        cmocka_unit_test(what_was_given_is_told_from_a_default),
        cmocka_unit_test(a_secret_may_stand_in_a_file),
        cmocka_unit_test(a_secret_that_is_too_long_is_not_cut),
        cmocka_unit_test(what_makes_no_sense_is_said_in_one_line),
        cmocka_unit_test(a_secret_is_never_shown),
        cmocka_unit_test(what_was_set_is_told_from_defaults),
        cmocka_unit_test(a_secret_is_one_word),
        cmocka_unit_test(a_secret_file_holds_one_secret),
        cmocka_unit_test(a_secret_in_a_flag_is_noticed),
        cmocka_unit_test(a_table_includes_another),
        cmocka_unit_test(choices_may_come_from_a_function),
        cmocka_unit_test(help_is_asked_for),
        cmocka_unit_test(no_allocation_is_lost_when_one_fails),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    buf_fini(&problem);
    return failed;
}
