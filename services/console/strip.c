#include "services/console/strip.h"

#include <string.h>

/* From the worst to the best: a slot shows the worst state in it. */
static const char worst_first[] = "lfoadusqc.";

static char letter_of(int state)
{
    static const char letters[SESSION_STATE_N] = {
        [SESSION_UNKNOWN] = 'u',   [SESSION_STARTING] = 's',     [SESSION_QR_PENDING] = 'q',
        [SESSION_CONNECTED] = 'c', [SESSION_DISCONNECTED] = 'd', [SESSION_LOGGED_OUT] = 'o',
        [SESSION_FAILED] = 'f',    [SESSION_LOST] = 'l',         [SESSION_ACTION_REQUIRED] = 'a',
    };

    _Static_assert(SESSION_STATE_N == 9, "every state has its letter");
    return state >= 0 && state < SESSION_STATE_N ? letters[state] : '.';
}

void strip_init(struct strip *s, int64_t now_ms, int slots, int64_t slot_ms)
{
    *s = (struct strip){ .from_ms = now_ms - slots * slot_ms,
                         .slot_ms = slot_ms,
                         .now_ms = now_ms,
                         .slots = slots,
                         .until_ms = now_ms };
    memset(s->text, '.', (size_t)slots);
}

/* The session was in that state from @from_ms until all that is written. */
static void fill(struct strip *s, int64_t from_ms, char letter)
{
    int64_t from = from_ms > s->from_ms ? from_ms : s->from_ms;

    if (from < s->until_ms) {
        int first = (int)((from - s->from_ms) / s->slot_ms);
        int last = (int)((s->until_ms - 1 - s->from_ms) / s->slot_ms);

        for (int i = first; i <= last && i < s->slots; i++) {
            if (strchr(worst_first, letter) < strchr(worst_first, s->text[i]))
                s->text[i] = letter;
        }
        s->until_ms = from;
    }
}

bool strip_add(struct strip *s, const struct session_change *c)
{
    fill(s, c->at, letter_of(c->to));
    return s->until_ms > s->from_ms;
}

void strip_end(struct strip *s, int state, int64_t first_seen)
{
    fill(s, first_seen, letter_of(state));
}
