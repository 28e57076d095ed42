#include "services/forwarder/renames.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"

/* Rows beyond are not looked at: forgotten destinations of years. */
#define ROWS_MAX 64

struct rows {
    const struct config *config;
    struct {
        char name[FORWARD_NAME_MAX];
        char url[256];
    } at[ROWS_MAX];
    int n;
    bool known[DESTINATIONS_MAX]; /* the configuration's destinations that have a row */
};

static int on_row(void *ctx, const struct forward_destination *row)
{
    struct rows *r = ctx;

    for (int i = 0; i < r->config->n; i++) {
        if (strcmp(r->config->at[i]->name, row->name) == 0) {
            r->known[i] = true;
            return 0;
        }
    }
    if (r->n < ROWS_MAX) {
        str_copy(str_from(row->name), r->at[r->n].name, sizeof r->at[0].name);
        str_copy(str_from(row->url), r->at[r->n++].url, sizeof r->at[0].url);
    }
    return 0;
}

/* The only row with this URL; -1: there is none, or there are several. */
static int find(const struct rows *r, const char *url)
{
    int found = -1;

    for (int i = 0; i < r->n; i++) {
        if (!r->at[i].name[0] || strcmp(r->at[i].url, url) != 0)
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

static bool is_only_one(const struct rows *r, const char *url)
{
    char other[sizeof r->at[0].url];
    int n = 0;

    for (int i = 0; i < r->config->n; i++) {
        (void)url_display(r->config->at[i]->url, other, sizeof other);
        n += !r->known[i] && strcmp(other, url) == 0;
    }
    return n == 1;
}

int renames_adopt(struct db *db, const struct config *c)
{
    CLEANUP(mem_freep) struct rows *rows = mem_zalloc(sizeof *rows);
    int r;

    if (!rows)
        return -ENOMEM;
    rows->config = c;
    r = forward_destinations_each(db, on_row, rows);
    for (int i = 0; r == 0 && i < c->n; i++) {
        char url[sizeof rows->at[0].url];
        int from;

        (void)url_display(c->at[i]->url, url, sizeof url);
        from = rows->known[i] || !is_only_one(rows, url) ? -1 : find(rows, url);
        if (from < 0)
            continue;
        log_info("destination-renamed", "a destination has a new name and keeps its place",
                 KS("from", rows->at[from].name), KS("to", c->at[i]->name));
        r = forward_destination_rename(db, rows->at[from].name, c->at[i]->name);
        rows->at[from].name[0] = '\0';
    }
    return r;
}
