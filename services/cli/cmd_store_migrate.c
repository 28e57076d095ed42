/*
 * zapkeep store migrate --from STORE --to STORE: moves a store into an empty one of the other kind, or at another place, and
 * verifies it. Nothing runs meanwhile.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/app/heartbeat.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/move.h"
#include "common/store/store.h"
#include "services/cli/audit.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/terminal.h"

struct migrate_settings {
    struct cli_settings cli;
    const char *from, *to;
    bool dry_run;
};

#define AT(field) offsetof(struct migrate_settings, field)

static const struct setting migrate_table[] = {
    { .name = "FROM",
      .at = AT(from),
      .def = "",
      .flag_only = true,
      .help = "the store that is moved: a folder, or postgresql://…" },
    { .name = "TO",
      .at = AT(to),
      .def = "",
      .flag_only = true,
      .help = "where it goes: a database without rows, or a folder without a store" },
    { .name = "DRY_RUN",
      .kind = SETTING_BOOL,
      .at = AT(dry_run),
      .def = "false",
      .flag_only = true,
      .help = "check both sides and count the rows; change nothing" },
    { 0 },
};

/* ---- progress -------------------------------------------------------------------------------- */

/* Widths of the bar and of a line that is written over it. */
#define BAR 30
/* Without a terminal a line each tenth. */
#define TENTHS 10

struct show {
    bool json, bar;
    int said; /* per cent that stand on the screen, or tenths that were printed */
};

static void wipe(struct show *s)
{
    if (s->bar && s->said >= 0)
        printf("\r\033[K");
    s->said = s->bar ? -1 : s->said;
}

static void on_progress(void *ctx, const char *table, int64_t done, int64_t total)
{
    static const char full[BAR + 1] = "##############################";
    static const char empty[BAR + 1] = "..............................";
    struct show *s = ctx;
    int percent = total > 0 ? (int)(done * 100 / total) : 100;
    int filled = percent * BAR / 100;

    if (s->json || percent == s->said)
        return;
    if (s->bar) {
        printf("\r\033[K%.*s%.*s %3d %%  %s", filled, full, BAR - filled, empty, percent, table);
        s->said = percent;
    } else if (percent / TENTHS > s->said) {
        printf("%d %%  %" PRId64 " of %" PRId64 " rows written and read back\n", percent, done, total);
        s->said = percent / TENTHS;
    }
    (void)fflush(stdout);
}

static void on_table(void *ctx, const char *table, int64_t rows, uint64_t checksum)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1024);
    struct json_out j = JSON_OUT(&out);
    struct show *s = ctx;
    char text[20] = "";

    if (checksum != 0)
        (void)snprintf(text, sizeof text, "%016" PRIx64, checksum);
    wipe(s);
    if (!s->json) {
        printf("%-26s %12" PRId64 " rows  %s\n", table, rows, text);
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "table", table);
    json_int(&j, "rows", rows);
    json_texts(&j, "checksum", text);
    json_close(&j, '}');
    puts(buf_str(&out));
}

/* ---- the outcome ----------------------------------------------------------------------------- */

static int failed(const char *where, int r, const char *detail)
{
    char problem[1024];

    (void)db_problem(where, STATE_DB_FILE, r, problem, sizeof problem);
    if (!*detail || strstr(problem, detail))
        return cli_problem(EXIT_UNREACHABLE, "%s", problem);
    return cli_problem(EXIT_UNREACHABLE, "%s (%s)", problem, detail);
}

static int refused(const struct migrate_settings *s, int r, const struct store_move_result *m)
{
    char from[STORE_DISPLAY_MAX], to[STORE_DISPLAY_MAX];

    (void)store_display(s->from, from, sizeof from);
    (void)store_display(s->to, to, sizeof to);
    switch (r) {
    case STORE_MOVE_FROM_IN_USE:
    case STORE_MOVE_TO_IN_USE:
        return cli_problem(
            EXIT_UNREACHABLE,
            "programs work on %s (%s): stop all of zapkeep on all machines first; nothing was changed",
            r == STORE_MOVE_FROM_IN_USE ? from : to, m->detail);
    case STORE_MOVE_TO_NOT_EMPTY:
        return cli_problem(EXIT_UNREACHABLE,
                           "%s holds a store already: give an empty database, or a folder without a store; "
                           "nothing was changed",
                           to);
    case STORE_MOVE_DIFFERS:
        return cli_problem(EXIT_NEGATIVE,
                           "the target is not equal: %s. %s is untouched; %s stays unfinished, no program "
                           "starts on it: run this again, and report it when that fails, too",
                           m->detail, from, to);
    default:
        return failed(m->at_target ? s->to : s->from, r, m->detail);
    }
}

static void say_done(const struct migrate_settings *s, const struct store_move_result *m)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&out);
    char to[STORE_DISPLAY_MAX];

    (void)store_display(s->to, to, sizeof to);
    if (s->cli.json) {
        json_open(&j, NULL, '{');
        json_bool(&j, "dry_run", s->dry_run);
        json_int(&j, "tables", m->tables);
        json_int(&j, "rows", m->rows);
        json_int(&j, "first_seq", m->first_seq);
        json_int(&j, "last_seq", m->last_seq);
        json_int(&j, "cleaned", m->cleaned);
        json_close(&j, '}');
        puts(buf_str(&out));
        return;
    }
    if (s->dry_run) {
        printf("%" PRId64 " rows of %" PRId64 " tables would go to %s; nothing was changed\n", m->rows,
               m->tables, to);
        return;
    }
    printf("%" PRId64 " rows of %" PRId64 " tables are in %s, seq %" PRId64 " to %" PRId64
           ", each read back and equal\n",
           m->rows, m->tables, to, m->first_seq, m->last_seq);
    if (m->cleaned > 0)
        printf("of %" PRId64
               " rows a text had bytes that PostgreSQL does not keep in texts; they are '?' there\n",
               m->cleaned);
    printf("set ZAPKEEP_STORE (or ZAPKEEP_DATA_DIR) of every program to it, start them, and keep %s until "
           "all is "
           "well; start nothing on it any more\n",
           store_is_server(s->from) ? "the old database" : s->from);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A program in another container is seen by its sign of life alone. */
static int check_alive(const char *where, struct clock *clock)
{
    char name[64];

    if (store_is_server(where) || !heartbeat_any(where, clock, name, sizeof name))
        return EXIT_GO_ON;
    return cli_problem(
        EXIT_UNREACHABLE,
        "%s works in %s, or did until a moment ago: stop all of zapkeep first, or try again in %d s; "
        "nothing was changed",
        name, where, HEARTBEAT_DEAD_MS / 1000);
}

static int check(const struct migrate_settings *s, struct clock *clock)
{
    int code;

    if (!*s->from || !*s->to)
        return cli_problem(EXIT_USAGE,
                           "store migrate needs --from and --to, each a folder or postgresql://…");
    if (strcmp(s->from, s->to) == 0)
        return cli_problem(EXIT_USAGE, "--from and --to are the same store");
    if (store_has_password(s->from) || store_has_password(s->to))
        return cli_problem(
            EXIT_USAGE, "every user of this machine can read a password that is given as a flag: put it into "
                        "~/.pgpass, or name its file by ZAPKEEP_STORE_PASSWORD_FILE");
    code = check_alive(s->from, clock);
    return code == EXIT_GO_ON ? check_alive(s->to, clock) : code;
}

/* In the audit list of the store that is used from now on. */
static void note(const struct migrate_settings *s)
{
    struct cli_settings target = s->cli;
    char from[STORE_DISPLAY_MAX];

    target.app.store = store_is_server(s->to) ? s->to : "";
    target.app.data_dir = s->to;
    cli_audit(&target, "store.migrate", "", "", true, store_display(s->from, from, sizeof from));
}

static int migrate(const struct migrate_settings *s, struct clock *clock)
{
    struct show show = { .json = s->cli.json, .bar = !s->cli.json && terminal_is_one() };
    struct store_move_options o = { .from = s->from,
                                    .to = s->to,
                                    .clock = clock,
                                    .dry_run = s->dry_run,
                                    .on_progress = on_progress,
                                    .on_table = on_table,
                                    .ctx = &show };
    struct store_move_result result;
    int r;

    show.said = show.bar ? -1 : 0;
    r = store_move(&o, &result);
    wipe(&show);
    if (r != 0)
        return refused(s, r, &result);
    if (!s->dry_run)
        note(s);
    say_done(s, &result);
    return EXIT_DONE;
}

int cmd_store_migrate(int argc, char *argv[])
{
    struct migrate_settings s;
    struct settings_args args;
    struct clock clock;
    int code = cli_read(cli_command_of(cmd_store_migrate), migrate_table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    clock_init(&clock);
    if (args.n > 0)
        code = cli_problem(EXIT_USAGE, "store migrate takes no argument besides --from and --to");
    else
        code = check(&s, &clock);
    if (code == EXIT_GO_ON)
        code = migrate(&s, &clock);
    cli_free(migrate_table, &s);
    return code;
}
