/* The bridges whose webhooks are taken: of which names, and with whose tokens and signatures. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "services/webhook-ingest/source.h"
#include "tests/unit/cmocka_all.h"

static struct ingest_settings settings_of(const char *file, const char *token, const char *secret)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
    struct ingest_settings s;

    assert_int_equal(settings_defaults(ingest_settings_table, &s), 0);
    assert_int_equal(settings_set(ingest_settings_table, BRIDGES_SETTING, "x", file, &s, &problem), 0);
    assert_int_equal(settings_set(ingest_settings_table, "WEBHOOK_AUTH_TOKEN", "x", token, &s, &problem), 0);
    assert_int_equal(settings_set(ingest_settings_table, "WEBHOOK_SECRET", "x", secret, &s, &problem), 0);
    return s;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* One bridge: its token is good for any name, the signatures for its own. */
static void test_without_a_file(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
    struct ingest_settings settings = settings_of("", "t", "");
    const struct source *own, *other;
    struct sources *s = NULL;

    assert_int_equal(sources_open(&settings, &problem, &s), 0);
    assert_true(str_eq(sources_default(s), "main"));
    own = sources_find(s, STR_LIT("main"));
    other = sources_find(s, STR_LIT("b-2"));
    assert_int_equal(own->tokens.n, 1);
    assert_int_equal(own->secrets.n, 1);
    assert_true(own->schemes[0] != 0);
    assert_int_equal(other->tokens.n, 1);
    assert_int_equal(other->schemes[0], 0);
    assert_null(sources_find(s, STR_NULL));
    sources_close(s);
    settings_free(ingest_settings_table, &settings);
}

static void test_of_a_file(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
    char path[] = "/tmp/zapkeep-test-XXXXXX";
    int fd = mkstemp(path);
    struct ingest_settings settings;
    struct sources *s = NULL;
    const struct source *a;

    assert_true(fd >= 0);
    (void)close(fd);
    write_file(path, "[bridge a]\nurl = http://a\ntype = waha\nwebhook_secret = s-a\n"
                     "[bridge b]\nurl = http://b\nwebhook_token = t-b\n");
    settings = settings_of(path, "", "");
    assert_int_equal(sources_open(&settings, &problem, &s), 0);
    a = sources_find(s, STR_LIT("a"));
    assert_true(a->must_be_signed);
    assert_true(str_eq(a->secrets.token[0], "s-a"));
    assert_int_equal(a->tokens.n, 0);
    assert_string_equal(a->driver->name, "waha");
    assert_true(str_eq(sources_default(s), "a"));
    assert_false(sources_find(s, STR_LIT("b"))->must_be_signed);
    assert_true(str_eq(sources_find(s, STR_LIT("b"))->tokens.token[0], "t-b"));
    assert_null(sources_find(s, STR_LIT("main")));

    write_file(path, "[bridge c]\nurl = http://c\nwebhook_token = 1,2,3\n"); /* an error changes nothing */
    sources_reload(s);
    assert_non_null(sources_find(s, STR_LIT("a")));
    write_file(path, "[bridge c]\nurl = http://c\nwebhook_token = 1,2\n");
    sources_reload(s);
    assert_null(sources_find(s, STR_LIT("a")));
    assert_int_equal(sources_find(s, STR_LIT("c"))->tokens.n, 2);
    sources_close(s);
    settings_free(ingest_settings_table, &settings);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_file),
        cmocka_unit_test(test_of_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
