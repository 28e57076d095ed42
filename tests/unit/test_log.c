/* Log lines: one each, for any values. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/json_in.h"
#include "common/base/log.h"
#include "common/base/mem.h"

static char line[16 * 1024];

/* Output on stderr between catch_begin() and catch_end() is in @line. */
static int real_stderr, caught;

static void catch_begin(void)
{
    char path[] = "/tmp/zk-log-XXXXXX";

    caught = mkstemp(path);
    assert_true(caught >= 0);
    (void)unlink(path);
    real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(caught, STDERR_FILENO) >= 0);
}

static void catch_end(void)
{
    ssize_t n;

    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    (void)close(real_stderr);
    n = pread(caught, line, sizeof line - 1, 0);
    (void)close(caught);
    assert_true(n >= 0);
    line[n] = '\0';
}

static const char *after_time(void)
{
    int64_t ms;
    char at[32];

    assert_int_equal(sscanf(line, "%31s", at), 1);
    assert_int_equal(text_to_time_ms(at, &ms), 0);
    return line + strlen(at) + 1;
}

static void a_line_is_logfmt(void **state)
{
    log_setup("tests", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    catch_begin();
    log_info("an-id", "some words", KS("plain", "a/b"), KS("spaced", "a b"), KS("none", NULL),
             KS("quote", "a\"b\nc"), KI("n", -5), KR("part", ((struct str){ "abc", 2 })));
    catch_end();
    assert_string_equal(after_time(),
                        "info tests an-id msg=\"some words\" plain=a/b spaced=\"a b\" none=\"\" "
                        "quote=\"a\\\"b\\nc\" n=-5 part=ab\n");
}

static void a_line_is_json(void **state)
{
    log_setup("tests", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    catch_begin();
    log_warn("an-id", "words", KS("text", "a\nb"), KI("n", 7));
    catch_end();
    assert_non_null(strstr(line,
                           "\"level\":\"warn\",\"service\":\"tests\",\"id\":\"an-id\",\"msg\":\"words\","
                           "\"text\":\"a\\nb\",\"n\":7}\n"));
    assert_string_equal(line + strlen(line) - 2, "}\n");
}

static void below_its_level_nothing_is_said(void **state)
{
    static const enum log_level levels[] = { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN,
                                             LOG_LEVEL_ERROR };

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        int lines = 0;

        log_setup("tests", levels[i], LOG_FORMAT_LOGFMT);
        catch_begin();
        log_debug("id", "words");
        log_info("id", "words");
        log_warn("id", "words");
        log_error("id", "words");
        catch_end();
        for (const char *p = line; (p = strchr(p, '\n')); p++)
            lines++;
        assert_int_equal(lines, 4 - (int)i);
    }
}

/* Values that grow six-fold when escaped, long ones, many of them. */
static void a_long_line_is_still_one_line(void **state)
{
    static const enum log_format formats[] = { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
    static char long_plain[3000], long_escaped[3000];
    const struct json_path whole = { 0, { NULL } };
    struct json_value value;

    memset(long_plain, 'x', sizeof long_plain - 1);
    memset(long_escaped, 1, sizeof long_escaped - 1);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        log_setup("tests", LOG_LEVEL_INFO, formats[i]);
        catch_begin();
        log_info("an-id", "words", KS("escaped", long_escaped), KS("a", long_plain), KS("b", long_plain),
                 KS("c", long_plain), KS("d", long_plain), KS("e", long_plain), KI("last", 1));
        catch_end();
        assert_in_range(strlen(line), 3000, 4096);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_null(strstr(line, "escaped"));                                   /* it does not fit */
        assert_non_null(strstr(line, i == 0 ? " last=1\n" : ",\"last\":1}\n")); /* what does is there */
        if (formats[i] == LOG_FORMAT_JSON)
            assert_int_equal(json_in_find((struct str){ line, strlen(line) - 1 }, &whole, 1, &value), 0);
    }
}

static void a_long_value_is_cut(void **state)
{
    char value[2000];

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_setup("tests", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    catch_begin();
    log_info("an-id", "words", KS("a", value), KI("n", 1));
    catch_end();
    assert_int_equal(strspn(strchr(line, 'x'), "x"), 1024);
    assert_non_null(strstr(line, "x n=1\n"));
}

/* Around the ceiling, one byte after the other. */
static void the_end_of_a_line_has_room(void **state)
{
    char value[1024];

    memset(value, 'x', sizeof value);
    log_setup("tests", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (size_t n = 850; n <= sizeof value; n++) {
        const struct str full = { value, sizeof value };

        catch_begin();
        log_info("an-id", "words", KR("a", full), KR("b", full), KR("c", full),
                 KR("d", ((struct str){ value, n })));
        catch_end();
        assert_string_equal(line + strlen(line) - 3, "\"}\n");
    }
}

static void no_memory_is_no_crash(void **state)
{
    long live = mem_live();

    log_setup("tests", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (long n = 0; n < 6; n++) {
        catch_begin();
        mem_fail_after(n);
        log_info("an-id", "words", KS("a", "text"));
        mem_fail_after(-1);
        catch_end();
        assert_int_equal(mem_live(), live);
        assert_true(line[0] == '\0' || strchr(line, '\n') == line + strlen(line) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_logfmt),
        cmocka_unit_test(a_line_is_json),
        cmocka_unit_test(below_its_level_nothing_is_said),
        cmocka_unit_test(a_long_line_is_still_one_line),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(the_end_of_a_line_has_room),
        cmocka_unit_test(no_memory_is_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
