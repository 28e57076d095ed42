/* The database server of a stack on several machines: its promises, and which program has which role. */
#include <stdio.h>
#include <string.h>

#include "common/store/store.h"
#include "services/cli/doctor.h"

struct seen {
    char lines[800]; /* "name: value" of all, with "; " between them */
    char problem[500];
};

static int on_line(void *ctx, const char *name, const char *value, const char *problem)
{
    struct seen *s = ctx;
    size_t n = strlen(s->lines);

    (void)snprintf(s->lines + n, sizeof s->lines - n, "%s%s: %s", n > 0 ? "; " : "", name, value);
    if (*problem && !*s->problem)
        (void)snprintf(s->problem, sizeof s->problem, "%s: %s", name, problem);
    return 0;
}

/* The first problem is shown, as advice beside all lines. */
static void examine(struct doctor *d, struct finding *f, unsigned parts, const char *none)
{
    const char *where = app_store(&d->settings.cli.app);
    struct seen seen = { 0 };
    char problem[512];
    int r = store_report(where, parts, on_line, &seen);

    if (r != 0)
        finding_set(f, FINDING_BAD, "zapkeep store status; look at the server", "%s",
                    db_problem(where, "", r, problem, sizeof problem));
    else
        finding_set(f, *seen.problem ? FINDING_WARN : FINDING_OK, seen.problem, "%s",
                    *seen.lines ? seen.lines : none);
}

void doctor_database(struct doctor *d, struct finding *f)
{
    examine(d, f, STORE_REPORT_PROMISES | STORE_REPORT_ARCHIVE | STORE_REPORT_REST, "");
}

void doctor_roles(struct doctor *d, struct finding *f)
{
    examine(d, f, STORE_REPORT_ROLES, "no monitor and no forwarder has taken its role yet");
}
