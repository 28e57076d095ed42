/* README's table of bridges says of each driver what its row says: states, reconnection, codes, webhooks, where it was read. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"

#define COLUMNS 8

enum column { BRIDGE = 1, DRIVER, STATES, RECONNECTS, CODES, WEBHOOKS };

/* README's line of a driver, cut at its bars; false: there is none. */
static bool find_row(const char *name, char line[1024], char *ret[COLUMNS])
{
    char mark[64], *at;
    FILE *f = fopen("README.md", "r");
    bool found = false;

    assert_non_null(f);
    (void)snprintf(mark, sizeof mark, "| `%s`", name);
    while (!found && fgets(line, 1024, f))
        found = line[0] == '|' && strstr(line, mark);
    (void)fclose(f);
    at = line;
    for (int i = 0; found && i < COLUMNS; i++) {
        ret[i] = strsep(&at, "|");
        assert_non_null(ret[i]);
    }
    return found;
}

static void says(const char *name, const char *column, const char *words, bool should)
{
    if ((strstr(column, words) != NULL) != should)
        fail_msg("README, %s: \"%s\" %s \"%s\"", name, column, should ? "does not say" : "says", words);
}

static void check_row(const struct bridge_driver *d)
{
    char line[1024], *row[COLUMNS];

    if (!find_row(d->name, line, row))
        fail_msg("README has no row of %s", d->name);
    says(d->name, row[DRIVER], "\u00b9", d->source != NULL);
    says(d->name, row[STATES], "list", d->has_list);
    says(d->name, row[STATES], "one by one", d->has_status);
    says(d->name, row[RECONNECTS], "\u2013", d->webhooks_only);
    says(d->name, row[RECONNECTS], "hook", !d->has_reconnect && !d->webhooks_only);
    says(d->name, row[CODES], "by phone number", d->phone_code != NULL);
    says(d->name, row[CODES], "in its own page", !d->webhooks_only && d->ops[BRIDGE_QR].path == NULL);
    says(d->name, row[WEBHOOKS], "signed", d->signatures != NULL);
    says(d->name, row[WEBHOOKS], "forms", d->sends_forms);
}

static void test_each_driver_has_a_row_that_is_true(void **state)
{
    const struct bridge_driver *d;

    for (int i = 0; (d = bridge_driver_at(i)); i++)
        check_row(d);
}

static void test_each_bridge_of_others_has_a_page_and_a_compose_file(void **state)
{
    const struct bridge_driver *d;
    char path[128];

    for (int i = 0; (d = bridge_driver_at(i)); i++) {
        if (strcmp(d->name, "zapw") == 0 || strcmp(d->name, "contract") == 0)
            continue; /* docker-compose.yml is theirs */
        (void)snprintf(path, sizeof path, "deploy/bridges/%s/README.md", d->name);
        if (access(path, R_OK) != 0)
            fail_msg("%s is missing", path);
        (void)snprintf(path, sizeof path, "deploy/bridges/%s/compose.yml", d->name);
        if (access(path, R_OK) != 0)
            fail_msg("%s is missing", path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_driver_has_a_row_that_is_true),
        cmocka_unit_test(test_each_bridge_of_others_has_a_page_and_a_compose_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
