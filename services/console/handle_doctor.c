/* The checks of the doctor. */
#include "common/base/err.h"
#include "common/base/mem.h"
#include "services/console/doctor_run.h"
#include "services/console/handlers.h"

static void answer(struct exchange *e, int status)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);

    doctor_run_json(e->c->doctor, &j);
    exchange_answer(e, status, &json);
}

void handle_doctor(struct exchange *e)
{
    answer(e, 200);
}

void handle_doctor_run(struct exchange *e)
{
    int r = doctor_run_start(e->c->doctor);

    if (r != 0) {
        exchange_error(e, 503, "no_program", "the program zapkeep cannot be run: %s; set ZAPKEEP_CONSOLE_CLI",
                       err_text(r));
        return;
    }
    exchange_audit(e, "doctor.run", "", "", true, "%s", "");
    answer(e, 202);
}
