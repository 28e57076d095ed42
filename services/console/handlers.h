/* The handlers of the API, one for each route (routes.c). Each ends with one answer, at once or later. */
#pragma once

#include "services/console/exchange.h"

typedef void handler(struct exchange *e);

handler handle_login, handle_logout, handle_me;                                /* handle_login.c */
handler handle_tokens, handle_token_create, handle_token_remove, handle_audit; /* handle_access.c */
handler handle_overview, handle_bridges;                                       /* handle_overview.c */
handler handle_sessions, handle_session_actions;          /* handle_sessions.c, handle_actions.c */
handler handle_session, handle_timeline, handle_activity; /* handle_session.c */
handler handle_events, handle_event;                      /* handle_events.c */
handler handle_delivery, handle_waiting, handle_dead_letters, handle_dead_letter; /* handle_delivery.c */
handler handle_delivery_actions;                                                  /* handle_command.c */
handler handle_alerts, handle_alert_history, handle_alert_test;                   /* handle_alerts.c */
handler handle_bridge_check, handle_bridge_repair;                                /* handle_bridges.c */
handler handle_replay_start, handle_replay;                                       /* handle_replay.c */
handler handle_pairing_start, handle_pairing, handle_pairing_cancel;              /* handle_pairing.c */
handler handle_store;                                                             /* handle_store.c */
handler handle_doctor, handle_doctor_run;                                         /* handle_doctor.c */
handler handle_stream;                                                            /* handle_stream.c */
