/*
 * zk-matrix: runs every cell in a process of its own, and says which is not as the table says.
 *
 *   zk-matrix                     all of them, two at a time
 *   zk-matrix DRIVER FAULT [-v]   one: the number of the fault, as they are printed; -v prints every step
 */
#include "tests/sim/matrix/matrix.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/alerts.h"
#include "common/store/sessions.h"

/* The sessions are known and connected by then; the fault comes, and lasts. */
#define FAULT_T (WORLD_T0 + 90 * 1000)
/* Two spacings of reconnection, the alert of a session that is down (3 min), and what follows of them. */
#define END_T (FAULT_T + 8 * 60 * 1000)
/* A list lies once, and a bridge that asks for a pause is well again after this. */
#define LIE_MS  (20 * 1000)
#define CODE_MS (40 * 1000)
/* From a call that starts a session to its connection. */
#define LOGIN_MS  2000
#define BODY_MAX  8192
#define NAMES_MAX 512

const char *const fault_names[FAULT_N] = {
    "drop reported",  "drop silent", "logged out", "QR",   "ban",     "needs a person", "restart echo",
    "list that lies", "5xx",         "429",        "hang", "garbage", "key refused",    "two owners",
};

static struct {
    const struct dialect *d;
    enum fault fault;
    bool on; /* the fault is there */
    int calls, sent;
    int64_t gen; /* of s0: a plan for an older one does not happen */
} cell;

/* ---- webhooks -------------------------------------------------------------------------------- */

static void on_stored(void *ctx, int status, struct str body, const char *headers)
{
    if (status != 200)
        world_fail("a webhook is answered %d", status);
    free(ctx);
}

static void post(const char *text)
{
    char *body = strdup(text);

    net_send(SIM_INGEST_PORT, "POST", "/api/v1/messages/webhook",
             "Authorization: Bearer token\nContent-Type: application/json\n", str_from(body), on_stored,
             body);
}

static void tell_state(enum word w)
{
    struct buf body = BUF_INIT(BODY_MAX);

    if (cell.d->state_event(w, world_wall(), ++cell.sent, &body))
        post(buf_str(&body));
    buf_fini(&body);
}

static void tell_fault(void)
{
    struct buf body = BUF_INIT(BODY_MAX);

    if (cell.d->event(cell.fault, world_wall(), ++cell.sent, &body))
        post(buf_str(&body));
    buf_fini(&body);
}

/* ---- the bridge ------------------------------------------------------------------------------ */

static void set(enum word w)
{
    truth.word[0] = w;
    cell.gen++;
    world_log("s0 is %d", w);
}

static void on_login(void *ctx, int64_t gen)
{
    if (gen != cell.gen)
        return;
    set(truth.pairing_gone ? WORD_QR : WORD_UP);
    tell_state(truth.word[0]);
}

static void on_echo(void *ctx, int64_t word)
{
    tell_state((enum word)word);
}

/* A restart of ours is seen in webhooks, where the bridge sends them; the state that they tell is over by then. */
static void echo(void)
{
    world_at(world_now() + 300, on_echo, NULL, WORD_DOWN);
    world_at(world_now() + 600, on_echo, NULL, WORD_DOWN);
    world_at(world_now() + 900, on_echo, NULL, WORD_STARTING);
}

static void act(int acts)
{
    cell.calls++;
    if (acts != 1)
        return;
    if (cell.fault == FAULT_ECHO)
        echo();
    set(WORD_STARTING);
    world_at(world_now() + LOGIN_MS, on_login, NULL, cell.gen);
}

/* 0: the dialect answers; -1: nobody does. */
static int status_of_fault(const char **ret_body)
{
    static const struct {
        int status;
        const char *body;
    } faults[FAULT_N] = {
        [FAULT_5XX] = { 502, "<html>Bad Gateway</html>" },
        [FAULT_429] = { 429, "{\"statusCode\":429,\"message\":\"Too Many Requests\"}" },
        [FAULT_HANG] = { -1, "" },
        [FAULT_GARBAGE] = { 200, "<html><title>We are back soon</title></html>" },
        [FAULT_KEY] = { 401, "{\"statusCode\":401,\"error\":\"Unauthorized\",\"message\":\"Unauthorized\"}" },
    };

    *ret_body = faults[cell.fault].body;
    return cell.on ? faults[cell.fault].status : 0;
}

static void on_request(struct net_host *h, struct net_request *r)
{
    const char *body, *path = r->url + strlen(h->prefix);
    struct buf out = BUF_INIT(BODY_MAX);
    int acts = 0, status = status_of_fault(&body);
    struct net_answer a = { .content_type = "application/json", .retry_after_s = -1 };

    if (status == 0) {
        status = cell.d->answer(r->method, path, &out, &acts);
        body = buf_str(&out);
    }
    world_log("%s %s: %d %s", r->method, path, status, body);
    a.status = status;
    a.body = str_from(body);
    if (status == 429)
        a.retry_after_s = 30;
    if (status > 0)
        net_answer(r, 20, &a);
    buf_fini(&out);
    if (acts && cell.on)
        act(acts);
}

static enum net_connect connect_to(struct net_host *h, int64_t *ret_after_ms)
{
    *ret_after_ms = 1;
    return NET_CONNECTS;
}

/* A code lives for so long, and the next one is published, too. */
static void on_code(void *ctx, int64_t a)
{
    tell_fault();
    world_at(world_now() + CODE_MS, on_code, NULL, 0);
}

static void end_lie(void *ctx, int64_t a)
{
    truth.list_is_empty = false;
    if (cell.fault == FAULT_429)
        cell.on = false;
}

static void begin_fault(void *ctx, int64_t a)
{
    static const enum word words[FAULT_N] = {
        [FAULT_DROP_TOLD] = WORD_DOWN, [FAULT_DROP_SILENT] = WORD_DOWN, [FAULT_LOGGED_OUT] = WORD_DOWN,
        [FAULT_QR] = WORD_QR,          [FAULT_BAN] = WORD_DOWN,         [FAULT_PERSON] = WORD_PERSON,
        [FAULT_ECHO] = WORD_DOWN,      [FAULT_TWO_OWNERS] = WORD_DOWN,
    };

    cell.on = true;
    truth.pairing_gone = cell.fault == FAULT_LOGGED_OUT;
    truth.same_phone = cell.fault == FAULT_TWO_OWNERS;
    truth.list_is_empty = cell.fault == FAULT_LYING_LIST;
    truth.unlicensed = cell.fault == FAULT_PERSON && strcmp(cell.d->name, "evolution") == 0;
    if (words[cell.fault] != WORD_UP && !truth.unlicensed)
        set(words[cell.fault]);
    if (cell.fault == FAULT_QR)
        on_code(NULL, 0);
    else
        tell_fault();
    world_at(world_now() + LIE_MS, end_lie, NULL, 0);
}

/* ---- the result ------------------------------------------------------------------------------ */

static int on_change(void *ctx, const struct alert_change *c)
{
    char *names = ctx, word[ALERTS_NAME_MAX + 2];

    (void)snprintf(word, sizeof word, " %s ", c->row.name);
    if (!c->firing || strstr(names, word) || strcmp(c->row.session, "s1") == 0)
        return 0;
    (void)snprintf(names + strlen(names), NAMES_MAX - strlen(names), "%s ", c->row.name);
    return 0;
}

/* Every word of the one is in the other. */
static bool has_all(const char *names, const char *wanted)
{
    char list[NAMES_MAX], word[NAMES_MAX + 2], *rest = list;

    (void)snprintf(list, sizeof list, "%s", wanted);
    for (const char *one = strtok_r(list, " ", &rest); one; one = strtok_r(NULL, " ", &rest)) {
        (void)snprintf(word, sizeof word, " %s ", one);
        if (!strstr(names, word))
            return false;
    }
    return true;
}

static int compare(void)
{
    const struct expected *e = expected_of(cell.d->name, cell.fault);
    char names[NAMES_MAX] = " ", wanted[NAMES_MAX];
    struct session_row row = { 0 };
    int r = sessions_find(sim.db, SIM_BRIDGE, "s0", &row);

    if (r == 0)
        r = alerts_each_change(sim.db, 0, 1000, on_change, names);
    (void)snprintf(wanted, sizeof wanted, " %s ", e->alerts);
    if (r == 0 && row.state == e->state && cell.calls >= e->calls_min && cell.calls <= e->calls_max &&
        has_all(names, wanted) && has_all(wanted, names) && !world_failed())
        return 0;
    printf("%s, %d %s: %s, %d calls, alerts \"%s\"\n", cell.d->name, cell.fault, fault_names[cell.fault],
           r == 0 ? session_state_text(row.state) : "no row", cell.calls, names);
    return 1;
}

static int run_cell(const struct dialect *d, enum fault f)
{
    static struct net_host host = { .prefix = "http://bridge.sim",
                                    .connect = connect_to,
                                    .on_request = on_request };
    const struct sim_options o = { .seed = 1 };

    cell.d = d;
    cell.fault = f;
    if (sim_open(&o) != 0)
        abort();
    sim.n_workers = 1;
    sim.driver = d->name;
    sim.key = d->key;
    net_add(&host);
    world_at(FAULT_T, begin_fault, NULL, 0);
    services_make();
    process_start(sim.ingest);
    process_start(sim.monitor);
    process_start(sim.workers[0]);
    world_run(END_T);
    return compare();
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    char path[512];

    while (d && (e = readdir(d))) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && unlink(path) != 0)
            remove_dir(path);
    }
    if (d)
        (void)closedir(d);
    (void)rmdir(dir);
}

/* Returns 0: as the table says. */
static int run_apart(const struct dialect *d, enum fault f)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int status = 0;
    pid_t pid;

    (void)snprintf(sim.dir, sizeof sim.dir, "%s/zk-matrix-%d", tmp, (int)getpid());
    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (!world_verbose && !freopen("/dev/null", "w", stderr))
            abort();
        status = run_cell(d, f);
        (void)fflush(stdout);
        _exit(status);
    }
    if (waitpid(pid, &status, 0) != pid)
        abort();
    remove_dir(sim.dir);
    if (WIFSIGNALED(status))
        printf("%s, %d %s: ended by signal %d\n", d->name, f, fault_names[f], WTERMSIG(status));
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(int argc, char *argv[])
{
    int cells = 0, failed = 0;

    world_verbose = argc > 3 && strcmp(argv[3], "-v") == 0;
    (void)clearenv(); /* nothing of ours is a setting */
    for (int d = 0; d < n_dialects; d++) {
        for (enum fault f = 0; f < FAULT_N; f++) {
            if (!expected_of(dialects[d].name, f)->alerts ||
                (argc > 2 &&
                 (strcmp(argv[1], dialects[d].name) != 0 || strtol(argv[2], NULL, 10) != (long)f)))
                continue;
            cells++;
            failed += run_apart(&dialects[d], f);
        }
    }
    printf("%d cells, %d are not as they should be\n", cells, failed);
    return failed > 0 || cells == 0;
}
