#include "services/console/routes.h"

#define VIEWER   ACCESS_VIEWER
#define OPERATOR ACCESS_OPERATOR

/* clang-format off */
const struct route routes[] = {
    { "POST",   "/login",                         0,        handle_login },
    { "POST",   "/logout",                        VIEWER,   handle_logout },
    { "GET",    "/me",                            VIEWER,   handle_me },
    { "GET",    "/overview",                      VIEWER,   handle_overview },
    { "GET",    "/sessions",                      VIEWER,   handle_sessions },
    { "POST",   "/sessions/actions",              OPERATOR, handle_session_actions },
    { "GET",    "/sessions/{}/{}",                VIEWER,   handle_session },
    { "GET",    "/sessions/{}/{}/timeline",       VIEWER,   handle_timeline },
    { "GET",    "/sessions/{}/{}/activity",       VIEWER,   handle_activity },
    { "POST",   "/pairings",                      OPERATOR, handle_pairing_start },
    { "GET",    "/pairings/{}",                   OPERATOR, handle_pairing },
    { "DELETE", "/pairings/{}",                   OPERATOR, handle_pairing_cancel },
    { "GET",    "/events",                        VIEWER,   handle_events },
    { "GET",    "/events/{}",                     VIEWER,   handle_event },
    { "GET",    "/delivery",                      VIEWER,   handle_delivery },
    { "GET",    "/delivery/waiting",              VIEWER,   handle_waiting },
    { "GET",    "/delivery/dead",                 VIEWER,   handle_dead_letters },
    { "GET",    "/delivery/dead/{}",              VIEWER,   handle_dead_letter },
    { "POST",   "/delivery/actions",              OPERATOR, handle_delivery_actions },
    { "POST",   "/delivery/replay",               OPERATOR, handle_replay_start },
    { "GET",    "/delivery/replay/{}",            VIEWER,   handle_replay },
    { "GET",    "/alerts",                        VIEWER,   handle_alerts },
    { "GET",    "/alerts/history",                VIEWER,   handle_alert_history },
    { "POST",   "/alerts/test",                   OPERATOR, handle_alert_test },
    { "GET",    "/bridges",                       VIEWER,   handle_bridges },
    { "POST",   "/bridges/{}/check",              OPERATOR, handle_bridge_check },
    { "POST",   "/bridges/{}/repair",             OPERATOR, handle_bridge_repair },
    { "GET",    "/doctor",                        VIEWER,   handle_doctor },
    { "POST",   "/doctor",                        OPERATOR, handle_doctor_run },
    { "GET",    "/store",                         VIEWER,   handle_store },
    { "GET",    "/audit",                         VIEWER,   handle_audit },
    { "GET",    "/tokens",                        OPERATOR, handle_tokens },
    { "POST",   "/tokens",                        OPERATOR, handle_token_create },
    { "DELETE", "/tokens/{}",                     OPERATOR, handle_token_remove },
    { "GET",    "/stream",                        VIEWER,   handle_stream },
    { 0 },
};
/* clang-format on */

const struct route *routes_find(struct str method, struct str path,
                                char ret[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX], bool *ret_other_method)
{
    *ret_other_method = false;
    for (const struct route *r = routes; r->method; r++) {
        if (!web_path_matches(path, r->pattern, ret))
            continue;
        if (str_eq(method, r->method))
            return r;
        *ret_other_method = true;
    }
    return NULL;
}
