/* A bridge's answers, by every reader of every driver: the status on the first line, then the body. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/bridge/driver.h"
#include "common/bridge/drivers.h"
#include "tests/fuzz/input.h"

static int on_session(void *ctx, const struct bridge_session *s)
{
    int *n = ctx;

    MUST(session_id_is_valid(str_from(s->id)) && (unsigned)s->state < SESSION_STATE_N);
    MUST(memchr(s->raw_status, '\0', sizeof s->raw_status) && memchr(s->phone, '\0', sizeof s->phone) &&
         memchr(s->name, '\0', sizeof s->name));
    return ++*n == 1000 ? 77 : 0;
}

static void must_be_an_answer(int r)
{
    MUST(r == 0 || (r > 0 && r < BRIDGE_ANSWER_N));
    MUST(r == 0 || bridge_answer_text(r)[0]);
}

static void read_lists(const struct bridge_driver *d, const struct bridge_answer *a)
{
    int n = 0, skipped = 0;
    int r = bridge_read_list(d, a, on_session, &n, &skipped);

    if (r == 77)
        MUST(n == 1000); /* the result of on_session is passed up */
    else
        must_be_an_answer(r);
    MUST(skipped >= 0);
}

static void read_by(const struct bridge_driver *d, const struct bridge_answer *a)
{
    struct bridge_created created = { 0 };
    CLEANUP(buf_fini) struct buf qr = BUF_INIT(64 * 1024);
    struct bridge_session s = { 0 };
    char message[32];

    buf_init(&created.qr, 64 * 1024);
    must_be_an_answer(bridge_read_health(d, a));
    (void)bridge_answer_message(a, message, sizeof message);
    MUST(utf8_is_valid(message, strlen(message)));
    read_lists(d, a);
    must_be_an_answer(bridge_read_status(d, a, "s1", &s));
    must_be_an_answer(bridge_read_create(d, a, &created));
    must_be_an_answer(bridge_read_delete(d, a));
    must_be_an_answer(bridge_read_reconnect(d, a));
    must_be_an_answer(bridge_read_qr(d, a, &qr, &s));
    buf_fini(&created.qr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    char *first = input_copy(input_until(&rest, "\n"));
    const struct bridge_answer a = { .status = (int)strtol(first, NULL, 10),
                                     .content_type = STR_LIT("application/json"),
                                     .body = rest };
    const struct bridge_driver *driver;
    long live = mem_live();

    free(first);
    for (int i = 0; (driver = bridge_driver_at(i)); i++)
        read_by(driver, &a);
    MUST(mem_live() == live);
    return 0;
}
