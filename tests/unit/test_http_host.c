/* Which Host names are ours, so that no page of another site reads an admin port. */
#include "tests/unit/cmocka_all.h"

#include "common/base/mem.h"
#include "common/io/http_host.h"

static void names(void **state)
{
    static const struct {
        const char *host;
        bool ours;
    } cases[] = { { NULL, true },
                  { "", true },
                  { "127.0.0.1", true },
                  { "127.0.0.1:8000", true },
                  { "[::1]:8000", true },
                  { "10.1.2.3", true },
                  { "localhost:9101", true },
                  { "LOCALHOST", true },
                  { "monitor:9101", true },
                  { "a.localhost", true },
                  { "Box.example.org:1", true },
                  { "metrics.example.org", true },
                  { "zapkeep.lan.", true },
                  { "evil.example", false },
                  { "evil.example:8000", false },
                  { "127.0.0.1.evil.example", false },
                  { "localhost.evil.example", false },
                  { "xlocalhost.", true },
                  { "box.example.org.evil.example", false },
                  { "example.org", false },
                  { "[::1", false } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].host ? cases[i].host : "(none)");
        assert_int_equal(
            http_host_is_ours(str_from(cases[i].host), "box.example.org", "metrics.example.org, zapkeep.lan"),
            cases[i].ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
