/* The store as it says of itself: its server's promises, its standbys, its archive, the roles. */
#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/console/handlers.h"

static int on_line(void *ctx, const char *name, const char *value, const char *problem)
{
    struct json_out *j = ctx;

    json_open(j, NULL, '{');
    json_texts(j, "name", name);
    json_texts(j, "value", value);
    json_texts(j, "problem", problem);
    json_close(j, '}');
    return 0;
}

void handle_store(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    const char *where = app_store(&e->c->settings->app);
    char name[STORE_DISPLAY_MAX];
    int r;

    json_open(&j, NULL, '{');
    json_texts(&j, "store", store_display(where, name, sizeof name));
    json_bool(&j, "database", store_is_server(where));
    json_open(&j, "lines", '[');
    r = store_report(where, STORE_REPORT_ALL, on_line, &j);
    json_close(&j, ']');
    json_close(&j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}
