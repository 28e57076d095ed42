#include "services/webhook-ingest/alert_write.h"

#include "common/store/store.h"

static int write_rows(struct db *db, const struct alert_row *row, bool firing, int64_t now_wall)
{
    int64_t dropped = 0;
    int r = firing ? alerts_begin(db, row) : alerts_clear(db, row->name, row->bridge, row->session);

    if (r == 0)
        r = alerts_note_change(db, row, firing, now_wall);
    return r == 0 ? alerts_post(db, ALERTS_SINK_ALL, row, firing, now_wall, &dropped) : r;
}

int alert_write(struct state_store *state, const struct alert_row *row, bool firing, int64_t now_wall)
{
    int r = state_store_open(state);

    if (r == 0)
        r = db_begin(state->db);
    if (r != 0)
        return r;
    r = write_rows(state->db, row, firing, now_wall);
    if (r >= 0)
        r = db_commit(state->db);
    db_rollback(state->db);
    return r;
}

void alert_write_done(struct state_store *state)
{
    if (store_is_server(state->dir))
        state_store_close(state);
}
