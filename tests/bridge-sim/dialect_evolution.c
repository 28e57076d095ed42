/*
 * Evolution API 2.3.7, as recorded (tests/fixtures/evolution).
 *
 * Its list goes on saying "open" after a drop, and keeps the code of a drop when the instance is back; connect returns the QR
 * code of before; without network an instance says "connecting" 109 times a second. Fault licence: 2.4 without a licence.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"

#define CREATE_MS     5000
#define CONNECT_MS    2000
#define NO_NETWORK_MS 9

#define FAILURE(status, error, text) \
    "{'status':" status ",'error':'" error "','response':{'message':" text "}}"
#define SETTING                                                                                       \
    "'rejectCall':false,'msgCall':'','groupsIgnore':false,'alwaysOnline':false,'readMessages':false," \
    "'readStatus':false,'syncFullHistory':false,'wavoipToken':''"

/* -- one instance as JSON -- */

/* As the database has it: a drop that the bridge mends by itself is not written. */
static const char *listed_word(const struct sim *s, const struct sim_session *x)
{
    bool is_stale = x->connected_at && x->paired && x->status == SIM_CONNECTING;

    return x->dead || is_stale ? "open" : session_word(s, x->status);
}

static const char *token_of(const struct sim_session *x, char ret[SAY_UUID_MAX])
{
    (void)say_uuid(x, 1, ret);
    for (char *p = ret; *p; p++)
        *p = (char)(*p >= 'a' ? *p - 32 : *p);
    return ret;
}

static const char *row_of(const struct sim_session *x, uint64_t salt, char ret[SAY_UUID_MAX])
{
    char uuid[SAY_UUID_MAX];

    (void)say_uuid(x, salt, uuid);
    (void)snprintf(ret, SAY_UUID_MAX, "cm%.8s%.4s%s", uuid, uuid + 9, uuid + 25);
    return ret;
}

/* Baileys's error of a drop, as a JSON text inside a JSON text. */
static const char *reason_of(const struct sim_session *x)
{
    if (x->code == 401 && x->logged_out)
        return "{\\'error\\':{\\'isBoom\\':true,\\'isServer\\':false,\\'data\\':null,\\'output\\':{\\'"
               "statusCode\\':401,\\'payload\\':{"
               "\\'statusCode\\':401,\\'error\\':\\'Unauthorized\\',\\'message\\':\\'Log out instance: "
               "<id>\\'},\\'headers\\':{}}},";
    if (x->code == 401)
        return "{\\'error\\':{\\'isBoom\\':true,\\'isServer\\':false,\\'data\\':{\\'tag\\':\\'conflict\\',\\'"
               "attrs\\':{\\'type\\':"
               "\\'device_removed\\'}},\\'output\\':{\\'statusCode\\':401,\\'payload\\':{\\'statusCode\\':"
               "401,\\'error\\':\\'"
               "Unauthorized\\',\\'message\\':\\'Stream Errored (conflict)\\'},\\'headers\\':{}}},";
    return "{\\'error\\':{\\'isBoom\\':true,\\'isServer\\':false,\\'data\\':null,\\'output\\':{\\'"
           "statusCode\\':<code>,\\'payload\\':{"
           "\\'statusCode\\':<code>,\\'error\\':\\'Unknown\\',\\'message\\':\\'Forbidden\\'},\\'headers\\':{}"
           "}},";
}

static void add_reason(struct sim *s, struct buf *out, const struct sim_session *x)
{
    char at[32];

    if (x->code == 0) {
        (void)buf_adds(out, "\"disconnectionReasonCode\":null,\"disconnectionObject\":null");
        return;
    }
    say_add(s, x, out, "'disconnectionReasonCode':<code>,'disconnectionObject':'", NULL);
    say_add(s, x, out, reason_of(x), NULL);
    say_add(s, x, out, "\\'date\\':\\'<at>\\'}'", "at", text_time(x->code_at, at, sizeof at), NULL);
}

static void add_instance(struct sim *s, struct buf *out, const struct sim_session *x)
{
    char token[SAY_UUID_MAX], row[SAY_UUID_MAX];
    bool was_open = x->connected_at != 0;

    say_add(s, x, out, "{'id':'<uuid>','name':'<id>','connectionStatus':'<word>','ownerJid':", "word",
            listed_word(s, x), NULL);
    say_add(s, x, out,
            was_open ? "'<phone>@s.whatsapp.net','profileName':'Loja Teste'" : "null,'profileName':null",
            NULL);
    say_add(s, x, out,
            ",'profilePicUrl':null,'integration':'WHATSAPP-BAILEYS','number':null,'businessId':null,'token':'"
            "<token>',"
            "'clientName':'evolution',",
            "token", token_of(x, token), NULL);
    add_reason(s, out, x);
    say_add(s, x, out,
            ",'disconnectionAt':<dropped>,'createdAt':<created>,'updatedAt':<updated>,'Chatwoot':null,'Proxy'"
            ":null,"
            "'Rabbitmq':null,'Nats':null,'Sqs':null,'Websocket':null,'Setting':{'id':'<row>'," SETTING
            ",'createdAt':<created>,'updatedAt':<created>,'instanceId':'<uuid>'},'_count':{'Message':0,'"
            "Contact':0,"
            "'Chat':0}}",
            "row", row_of(x, 2, row), NULL);
}

static void answer_buf(struct sim *s, struct http_req *r, int status, const struct buf *out)
{
    say_as(s, r, status, "application/json; charset=utf-8", (struct str){ buf_str(out), out->len }, NULL);
}

static void add_qr(struct sim *s, struct buf *out, const struct sim_session *x)
{
    char n[16];

    (void)snprintf(n, sizeof n, "%d", x->n_qr);
    say_add(s, x, out,
            x->n_qr ? "{'pairingCode':<pairing>,'code':'2@FAKEREF<n>,pubkeyAAAA=,identBBBB=,advCCCC=','"
                      "base64':'<qr>',"
                      "'count':<n>}"
                    : "{'count':0}",
            "n", n, "pairing", x->by_number ? "\"WZYEH1YY\"" : "null", NULL);
}

static void answer_state(struct sim *s, struct http_req *r, const struct sim_session *x, const char *word)
{
    say(s, r, x, 200, "{'instance':{'instanceName':'<id>','state':'<word>'}}", "word", word, NULL);
}

/* -- webhooks -- */

static void send(struct sim *s, const struct sim_session *x, const char *asked, int64_t number,
                 const char *name, const char *data)
{
    char template[4096], port[8];

    (void)snprintf(template, sizeof template,
                   "{'event':'%s','instance':'<id>','data':%s,'destination':'<url>','date_time':'<now>',%s"
                   "'server_url':'http://127.0.0.1:<port>','apikey':null}",
                   name, data, x->connected_at ? "'sender':'<phone>@s.whatsapp.net'," : "");
    (void)snprintf(port, sizeof port, "%d", (int)s->settings.port);
    say_hook(s, x, asked, number, template, "url", say_webhook_url(s, x), "port", port, NULL);
}

static void changed(struct sim *s, struct sim_session *x)
{
    char data[512];

    if (x->status == SIM_CONNECTING) {
        send(s, x, "CONNECTION_UPDATE", -1, "connection.update",
             "{'instance':'<id>','state':'connecting','statusReason':200}");
    } else if (x->status == SIM_CONNECTED) {
        send(s, x, "CONNECTION_UPDATE", -1, "connection.update",
             "{'instance':'<id>','wuid':'<phone>@s.whatsapp.net','profileName':'Loja Teste','state':'open',"
             "'statusReason':200}");
    } else if (x->status == SIM_QR_WAITING) {
        (void)snprintf(
            data, sizeof data,
            "{'qrcode':{'instance':'<id>','pairingCode':null,'code':'2@FAKEREF%d,pubkeyAAAA=,identBBBB=,"
            "advCCCC=','base64':'<qr>'}}",
            x->n_qr);
        send(s, x, "QRCODE_UPDATED", -1, "qrcode.updated", data);
    }
}

/* A close with a code comes three times, each in another form. */
static void close_with(struct sim *s, struct sim_session *x, int code)
{
    CLEANUP(buf_fini) struct buf data = BUF_INIT(2048);

    x->code = code;
    x->code_at = sim_wall(s);
    x->next = SIM_NEXT_NONE;
    x->paired = false;
    whatsapp_set(s, x, SIM_DISCONNECTED);
    say_add(s, x, &data, "{'instance':'<id>','status':'closed','disconnectionAt':<dropped>,", NULL);
    add_reason(s, &data, x);
    (void)buf_adds(&data, "}");
    send(s, x, "STATUS_INSTANCE", -1, "status.instance", buf_str(&data));
    send(s, x, "LOGOUT_INSTANCE", -1, "logout.instance", "null");
    send(s, x, "CONNECTION_UPDATE", -1, "connection.update",
         "{'instance':'<id>','state':'close','statusReason':<code>}");
}

static void message(struct sim *s, struct sim_session *x, enum sim_event event, int64_t number)
{
    static const char *const acks[] = { [EVENT_DELIVERED] = "DELIVERY_ACK", [EVENT_READ] = "READ" };
    char data[1024], row[SAY_UUID_MAX];
    bool is_sent = event == EVENT_SENT;

    if (event == EVENT_DELIVERED || event == EVENT_READ) {
        (void)snprintf(
            data, sizeof data,
            "{'keyId':'SIM%lld','remoteJid':'5521977776666@s.whatsapp.net','fromMe':true,'status':'%s',"
            "'instanceId':'<uuid>','messageId':'%s'}",
            (long long)number, acks[event], row_of(x, 3 + (uint64_t)number, row));
        send(s, x, "MESSAGES_UPDATE", number, "messages.update", data);
        return;
    }
    (void)snprintf(
        data, sizeof data,
        "{'key':{'remoteJid':'%s','fromMe':%s,'id':'SIM%lld'},'pushName':'Ana','status':'DELIVERY_ACK',"
        "'message':{'conversation':'oi'},'messageType':'conversation','messageTimestamp':<now_s>,"
        "'instanceId':'<uuid>','source':'unknown'}",
        event == EVENT_GROUP ? "120363000000000000@g.us" : "5521977776666@s.whatsapp.net",
        is_sent ? "true" : "false", (long long)number);
    send(s, x, is_sent ? "SEND_MESSAGE" : "MESSAGES_UPSERT", number,
         is_sent ? "send.message" : "messages.upsert", data);
}

/* It tries ten times, and never again what was answered so. */
static bool gives_up(int status)
{
    return status == 400 || status == 401 || status == 403 || status == 404 || status == 422;
}

/* -- WhatsApp -- */

static void drop(struct sim *s, struct sim_session *x, int code)
{
    x->next = SIM_NEXT_NONE;
    if (code == 401 || code == 402 || code == 403 || code == 406) {
        close_with(s, x, code);
    } else if (code == 0) { /* its socket is gone without a webhook; the list says open */
        x->dead = true;
        x->status = SIM_DISCONNECTED;
    } else { /* the bridge reconnects at once, and says the same of each code */
        whatsapp_later(s, x, SIM_NEXT_CONNECT, s->settings.reconnect_ms);
        whatsapp_set(s, x, SIM_CONNECTING);
    }
}

static void no_network(struct sim *s, struct sim_session *x)
{
    send(s, x, "CONNECTION_UPDATE", -1, "connection.update",
         "{'instance':'<id>','state':'connecting','statusReason':200}");
}

static void adopt(struct sim *s, struct sim_session *x)
{
    say_webhook_adopt(
        s, x,
        "[\"MESSAGES_UPSERT\",\"MESSAGES_UPDATE\",\"SEND_MESSAGE\",\"CONNECTION_UPDATE\",\"QRCODE_UPDATED\","
        "\"STATUS_INSTANCE\",\"LOGOUT_INSTANCE\",\"REMOVE_INSTANCE\"]",
        "{'authorization':'Bearer <token>'}");
}

/* -- calls -- */

static void get_root(struct sim *s, struct http_req *r, struct sim_session *none)
{
    char port[8];
    bool is_24 = dialect_has_fault(s, "licence");

    (void)snprintf(port, sizeof port, "%d", (int)s->settings.port);
    say(s, r, NULL, 200,
        "{'status':200,'message':'Welcome to the Evolution API, it is "
        "working!','version':'<version>','clientName':"
        "'evolution','manager':'http://127.0.0.1:<port>/manager','documentation':'https://"
        "doc.evolution-api.com',"
        "'whatsappWebVersion':'2.3000.1027934701'}",
        "version", is_24 ? "2.4.0" : "2.3.7", "port", port, NULL);
}

static void get_list(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(64 << 20);
    struct str asked = http_req_query(r), key = http_req_header(r, "apikey");
    const char *name = str_starts(asked, "instanceName=") ? asked.p + strlen("instanceName=") : NULL;
    bool is_global = !s->settings.api_key[0] || str_eq(key, s->settings.api_key), comma = false;
    char token[SAY_UUID_MAX];

    if (name && !session_find(s, str_from(name))) {
        say(s, r, NULL, 404, FAILURE("404", "Not Found", "['Instance \\'<name>\\' not found']"), "name", name,
            NULL);
        return;
    }
    (void)buf_adds(&out, "[");
    for (int i = 0; i < s->n_sessions; i++) {
        const struct sim_session *x = &s->sessions[i];

        if (x->unlisted || (name && strcmp(name, x->id) != 0) ||
            (!is_global && !str_eq(key, token_of(x, token))))
            continue;
        (void)buf_adds(&out, comma ? "," : "");
        comma = true;
        add_instance(s, &out, x);
    }
    (void)buf_adds(&out, "]");
    answer_buf(s, r, 200, &out);
}

static void get_state(struct sim *s, struct http_req *r, struct sim_session *x)
{
    answer_state(s, r, x, session_word(s, x->status));
}

/* "webhook":{"url","events","headers"} at @at; headers are taken in the form {"name":"value"}. */
static bool set_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf head = BUF_INIT(1024);
    struct sim_webhook h = { .config = say_raw(r, "webhook.headers"),
                             .events = say_raw(r, "webhook.events") };
    char url[512], name[64], value[512];
    size_t n;

    if (*say_text(r, "webhook.url", url, sizeof url))
        h.url = mem_strdup(url);
    if (h.config && sscanf(h.config, "{\"%63[^\"]\":\"%511[^\"]\"", name, value) == 2) {
        (void)buf_addf(&head, "%s: %s\r\n", name, value);
        h.headers = buf_take(&head, &n);
    }
    return say_webhook_set(s, x, &h);
}

static bool is_json(struct http_req *r)
{
    static const struct json_path all = { 0, { NULL } };
    struct json_value v;

    return json_in_find(http_req_body(r), &all, 1, &v) == 0;
}

static int begin_create(struct sim *s, struct http_req *r, struct sim_session *none)
{
    char id[65];
    struct sim_session *x;

    if (!*say_text(r, "integration", id, sizeof id) || !*say_text(r, "instanceName", id, sizeof id) ||
        session_add(s, id, &x) != 0)
        return 0;
    (void)set_webhook(s, r, x);
    x->by_number = *say_text(r, "number", id, sizeof id) != '\0';
    x->creating = r;
    x->creating_until = INT64_MAX;
    whatsapp_start(s, x);
    whatsapp_later(s, x, SIM_NEXT_QR, s->settings.qr_ms);
    if (dialect_has_fault(s, "no-network"))
        x->status = SIM_INITIALIZING;
    return CREATE_MS;
}

static void answer_created(struct sim *s, struct http_req *r, const struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(65536);
    char token[SAY_UUID_MAX];

    say_add(s, x, &out,
            "{'instance':{'instanceName':'<id>','instanceId':'<uuid>','integration':'WHATSAPP-BAILEYS',"
            "'webhookWaBusiness':null,'accessTokenWaBusiness':'','status':'<status>'},'hash':'<token>','"
            "webhook':{"
            "'webhookUrl':'<url>','webhookHeaders':<headers>,'webhookByEvents':false,'webhookBase64':false},"
            "'websocket':{},'rabbitmq':{},'nats':{},'sqs':{},'settings':{" SETTING "},'qrcode':",
            "token", token_of(x, token), "url", say_webhook_url(s, x), "headers", x->hook.config, NULL);
    add_qr(s, &out, x);
    (void)buf_adds(&out, "}");
    answer_buf(s, r, 201, &out);
}

/* Its JSON reader refuses before the part that sets the other header lines. */
static void refuse_body(struct sim *s, struct http_req *r)
{
    static const char body[] =
        "{\"status\":400,\"error\":\"Internal Server Error\",\"response\":{\"message\":"
        "\"Expected property name or '}' in JSON at position 1\"}}";
    char headers[256] = "X-Powered-By: Express\nVary: Origin\nAccess-Control-Allow-Credentials: true\n";

    api_etag(str_from(body), headers + strlen(headers), sizeof headers - strlen(headers));
    http_respond(r, 400, "application/json; charset=utf-8", str_from(body), headers);
}

/* The instance was made when the call came, so that it is there 5 s before its answer. */
static void post_create(struct sim *s, struct http_req *r, struct sim_session *none)
{
    char id[65], kind[40];
    struct sim_session *x;

    if (!is_json(r)) {
        refuse_body(s, r);
        return;
    }
    x = session_find(s, str_from(say_text(r, "instanceName", id, sizeof id)));
    if (!*say_text(r, "integration", kind, sizeof kind))
        say(s, r, NULL, 400, FAILURE("400", "Bad Request", "['Invalid integration']"), NULL);
    else if (!x || x->creating != r)
        say(s, r, NULL, 403, FAILURE("403", "Forbidden", "['This name \\'<name>\\' is already in use.']"),
            "name", id, NULL);
    else
        answer_created(s, r, x);
    if (x && x->creating == r)
        x->creating = NULL;
}

static int begin_connect(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x->status != SIM_DISCONNECTED || dialect_has_fault(s, "no-network"))
        return 0;
    x->by_number = str_starts(http_req_query(r), "number=");
    whatsapp_start(s, x);
    return CONNECT_MS;
}

/* The code of before, when the socket has just been started; a pairing code when the connection began with a number. */
static void get_connect(struct sim *s, struct http_req *r, struct sim_session *x)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(8192);

    if (x->status == SIM_CONNECTED) {
        answer_state(s, r, x, "open");
        return;
    }
    add_qr(s, &out, x);
    answer_buf(s, r, 200, &out);
}

static void post_restart(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (dialect_has_fault(s, "no-network")) {
        say(s, r, x, 200, "{'count':0}", NULL);
    } else if (x->status == SIM_DISCONNECTED) {
        say(s, r, x, 200, "{'error':true,'message':'[object Object]'}", NULL);
    } else {
        answer_state(s, r, x, session_word(s, x->status));
        whatsapp_start(s, x);
    }
}

static void delete_logout(struct sim *s, struct http_req *r, struct sim_session *x)
{
    if (x->status != SIM_CONNECTED) {
        say(s, r, x, 400, FAILURE("400", "Bad Request", "['The \\'<id>\\' instance is not connected']"),
            NULL);
        return;
    }
    say(s, r, x, 200, "{'status':'SUCCESS','error':false,'response':{'message':'Instance logged out'}}",
        NULL);
    x->logged_out = true;
    close_with(s, x, 401);
}

static void delete_one(struct sim *s, struct http_req *r, struct sim_session *x)
{
    send(s, x, "REMOVE_INSTANCE", -1, "remove.instance", "null");
    session_remove(s, x);
    say(s, r, NULL, 200, "{'status':'SUCCESS','error':false,'response':{'message':'Instance deleted'}}",
        NULL);
}

static void answer_webhook(struct sim *s, struct http_req *r, int status, const struct sim_session *x)
{
    char row[SAY_UUID_MAX];

    if (!x->hook.url) {
        say(s, r, x, 200, "null", NULL);
        return;
    }
    say(s, r, x, status,
        "{'id':'<row>','url':'<url>','headers':<headers>,'enabled':true,'events':<events>,'webhookByEvents':"
        "false,"
        "'webhookBase64':false,'createdAt':<created>,'updatedAt':<created>,'instanceId':'<uuid>'}",
        "row", row_of(x, 4, row), "url", x->hook.url, "headers", x->hook.config, "events", x->hook.events,
        NULL);
}

static void get_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    answer_webhook(s, r, 200, x);
}

static void post_webhook(struct sim *s, struct http_req *r, struct sim_session *x)
{
    (void)set_webhook(s, r, x);
    answer_webhook(s, r, 201, x);
}

static void get_metrics(struct sim *s, struct http_req *r, struct sim_session *none)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1 << 20);

    (void)buf_addf(
        &out,
        "# HELP evolution_environment_info Environment information\n# TYPE evolution_environment_info gauge\n"
        "evolution_environment_info{version=\"2.3.7\",clientName=\"evolution\",serverUrl=\"http://"
        "127.0.0.1:%d\"} 1\n"
        "# HELP evolution_instances_total Total number of instances\n# TYPE evolution_instances_total gauge\n"
        "evolution_instances_total %d\n"
        "# HELP evolution_instance_up 1 if instance state is open, else 0\n# TYPE evolution_instance_up "
        "gauge\n"
        "# HELP evolution_instance_state Instance state as a labelled metric\n"
        "# TYPE evolution_instance_state gauge",
        (int)s->settings.port, s->n_sessions);
    for (int i = 0; i < s->n_sessions; i++)
        say_add(s, &s->sessions[i], &out,
                "\nevolution_instance_up{instance='<id>',integration='WHATSAPP-BAILEYS'} <up>\n"
                "evolution_instance_state{instance='<id>',integration='WHATSAPP-BAILEYS',state='<status>'} 1",
                "up", s->sessions[i].status == SIM_CONNECTED ? "1" : "0", NULL);
    say_as(s, r, 200, "text/plain; charset=utf-8; version=0.0.4", (struct str){ buf_str(&out), out.len },
           "Cache-Control: no-cache, no-store, must-revalidate\n");
}

static void get_licence(struct sim *s, struct http_req *r, struct sim_session *none)
{
    say(s, r, NULL, 200, "{'status':'inactive','instance_id':'<random>'}", NULL);
}

/* -- the table -- */

static bool has_key(struct sim *s, struct http_req *r, const struct sim_session *x)
{
    struct str key = http_req_header(r, "apikey");
    char token[SAY_UUID_MAX];

    if (!s->settings.api_key[0] || str_eq(key, s->settings.api_key) || (x && str_eq(key, token_of(x, token))))
        return true;
    for (int i = 0; !x && i < s->n_sessions; i++) {
        if (str_eq(key, token_of(&s->sessions[i], token)))
            return true;
    }
    return false;
}

static bool refuse_licence(struct sim *s, struct http_req *r)
{
    char port[8];

    (void)snprintf(port, sizeof port, "%d", (int)s->settings.port);
    say(s, r, NULL, 503,
        "{'error':'service not "
        "activated','code':'LICENSE_REQUIRED','register_url':'http://127.0.0.1:<port>/manager/login',"
        "'instance_id':'<random>','docs_url':'https://docs.evolutionfoundation.com.br/"
        "licensing','message':'This "
        "Evolution API instance is not activated. Open http://127.0.0.1:<port>/manager/login to activate, or "
        "set "
        "AUTHENTICATION_API_KEY in your .env with a valid licensing key. Docs: "
        "https://docs.evolutionfoundation.com.br/licensing'}",
        "port", port, NULL);
    return false;
}

static bool allows(struct sim *s, struct http_req *r, const struct sim_route *route, struct sim_session *x)
{
    if (route && dialect_has_fault(s, "licence") && route->serve != get_root && route->serve != get_licence)
        return refuse_licence(s, r);
    if (!route || route->open || has_key(s, r, x))
        return true;
    say(s, r, NULL, 401, FAILURE("401", "Unauthorized", "'Unauthorized'"), NULL);
    return false;
}

static void no_session(struct sim *s, struct http_req *r, struct str id)
{
    char text[128];

    if (dialect_has_fault(s, "licence")) {
        (void)refuse_licence(s, r);
        return;
    }
    str_copy(id, text, sizeof text);
    say(s, r, NULL, 404, FAILURE("404", "Not Found", "['The \\'<name>\\' instance does not exist']"), "name",
        text, NULL);
}

static void no_route(struct sim *s, struct http_req *r)
{
    say(s, r, NULL, 404, FAILURE("404", "Not Found", "['Cannot <method> <path>']"), "method",
        http_req_method(r).p, "path", http_req_path(r).p, NULL);
}

static const struct sim_route routes[] = {
    { "GET", "/", .open = true, .serve = get_root },
    { "GET", "/metrics", .open = true, .serve = get_metrics },
    { "GET", "/license/status", .open = true, .serve = get_licence },
    { "GET", "/instance/fetchInstances", .serve = get_list },
    { "POST", "/instance/create", .begin = begin_create, .serve = post_create },
    { "GET", "/instance/connectionState/*", .serve = get_state },
    { "GET", "/instance/connect/*", .reconnects = true, .begin = begin_connect, .serve = get_connect },
    { "POST", "/instance/restart/*", .reconnects = true, .serve = post_restart },
    { "DELETE", "/instance/logout/*", .serve = delete_logout },
    { "DELETE", "/instance/delete/*", .serve = delete_one },
    { "GET", "/webhook/find/*", .serve = get_webhook },
    { "POST", "/webhook/set/*", .serve = post_webhook },
};

const struct sim_dialect dialect_evolution = {
    .name = "evolution",
    .words = { "close", "connecting", "connecting", "open", "close" },
    .came = route_came,
    .serve = route_serve,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .headers =
        "X-Powered-By: Express\nVary: Origin, Accept-Encoding\nAccess-Control-Allow-Credentials: true\n",
    .has_etag = true,
    .no_session_first = true,
    .allows = allows,
    .no_route = no_route,
    .no_session = no_session,
    .changed = changed,
    .drop = drop,
    .message = message,
    .user_agent = "axios/1.13.2",
    .gives_up = gives_up,
    .adopt = adopt,
    .faults = "licence no-network",
    .no_network = no_network,
    .no_network_ms = NO_NETWORK_MS,
};
