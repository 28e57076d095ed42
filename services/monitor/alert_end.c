#include "services/monitor/alert_end.h"

#include "common/base/text.h"

int alert_end(struct db *db, const struct alert_row *row, const char *detail, int64_t now_wall)
{
    struct alert_row end = *row;
    int64_t dropped = 0;
    int r = alerts_clear(db, row->name, row->bridge, row->session);

    if (r != 0 || row->grouped)
        return r < 0 ? r : 0;
    str_copy(str_from(detail), end.detail, sizeof end.detail);
    r = alerts_note_change(db, &end, false, now_wall);
    return r == 0 ? alerts_post(db, ALERTS_SINK_ALL, &end, false, now_wall, &dropped) : r;
}
