/*
 * Every command, one line each: X(function, name, arguments, summary). Sorted by the order in which an
 * operator needs them.
 */
#pragma once

/* clang-format off */
#define CLI_COMMANDS(X) \
    X(cmd_wait, "wait", "[--timeout 50s] [--json]", "until bridge and stack are ready; exit 1 when they are not in time") \
    X(cmd_tap, "tap", "[PREFIX...] [--json] [--last N] [--since 10m]", "what happens, as it happens") \
    X(cmd_events, "events", "[--from SEQ] [--since 1h] [--type PREFIX] [--session ID] [--limit N] [--rejected [--accept ID]] [--json]", "what is in the event log") \
    X(cmd_status, "status", "[--watch] [--json]", "what is wrong now, worst first, then each bridge; exit 1 when something is wrong") \
    X(cmd_sessions, "sessions", "[--state STATE] [--all] [--json]", "every session as the monitor holds it") \
    X(cmd_bridges, "bridges", "[--json]", "every bridge: what it speaks, where it is, how many sessions are connected") \
    X(cmd_bridge_check, "bridge check", "[NAME...] [--repair] [--json]", "are the webhook subscriptions at a bridge what they should be? exit 1 when one is not") \
    X(cmd_session_show, "session show", "ID [--json]", "one session: why it is so, what was tried, what happens next") \
    X(cmd_session_reconnect, "session reconnect", "ID [--force] [--json]", "put up an attempt by hand, or hear why not") \
    X(cmd_session_park, "session park", "ID [--reason TEXT] [--json]", "attempt nothing until it is unparked") \
    X(cmd_session_unpark, "session unpark", "ID [--json]", "let it be attempted again") \
    X(cmd_session_pair, "session pair", "ID [--phone NUMBER] [--yes] [--wait] [--json]", "get a session paired, whatever it needs: creates it, gets a new code, shows it until it is used") \
    X(cmd_session_create, "session create", "ID [--wait] [--json]", "make a session and show its QR code until it is scanned") \
    X(cmd_session_qr, "session qr", "ID [--wait] [--json]", "show the QR code of a session that waits for one") \
    X(cmd_session_delete, "session delete", "ID [--yes] [--json]", "remove a session from the bridge, for good") \
    X(cmd_forward_status, "forward status", "[--json]", "where events are delivered, how far, what stands in the way") \
    X(cmd_forward_dead_list, "forward dead list", "[FILTER] [--limit N] [--json]", "events that were given up") \
    X(cmd_forward_dead_show, "forward dead show", "ID [--json]", "one of them, with its body and the last answer") \
    X(cmd_forward_dead_retry, "forward dead retry", "ID...|FILTER|--all [--json]", "try them once more") \
    X(cmd_forward_dead_drop, "forward dead drop", "ID...|FILTER|--all [--json]", "remove them for good") \
    X(cmd_forward_retry, "forward retry", "[--destination NAME] [--session ID] [--id EVENT] [--json]", "try events that wait now, and a destination that is down or paused by a rate limit") \
    X(cmd_forward_skip, "forward skip", "EVENT [--destination NAME] [--json]", "make one event that waits a dead letter, so that its session goes on") \
    X(cmd_forward_pause, "forward pause", "NAME [--json]", "send nothing to a destination for now; its events wait") \
    X(cmd_forward_resume, "forward resume", "NAME [--json]", "send to it again") \
    X(cmd_forward_test, "forward test", "NAME [--json]", "send a signed test event; show status, time and answer") \
    X(cmd_forward_on, "forward on", "NAME [--json]", "deliver to a destination again that was turned off") \
    X(cmd_forward_off, "forward off", "NAME [--json]", "deliver nothing more to a destination") \
    X(cmd_forward_forget, "forward forget", "NAME [--json]", "remove all that is known of a destination that is not configured any more") \
    X(cmd_alert_test, "alert test", "[SINK...] [--json]", "send a test message to the sinks of alerts; exit 1 when one does not take it") \
    X(cmd_replay, "replay", "--from SEQ|TIME [--to SEQ|TIME] [--type PREFIX] [--to-url URL] [--dry-run] [SESSION...]", "post events of the log once more, to BACKEND_URL or another URL") \
    X(cmd_doctor, "doctor", "[--no-probe] [--json]", "check every link of the chain and say what to do") \
    X(cmd_audit, "audit", "[--session ID] [--limit N] [--json]", "who changed what, by the command line and the console, newest first") \
    X(cmd_cursor_list, "cursor list", "[--json]", "the consumers of the event log, and how far each has read") \
    X(cmd_cursor_remove, "cursor remove", "NAME", "retention no longer keeps events for a consumer that is gone for good") \
    X(cmd_store_status, "store status", "[--json]", "the store: its schema, what its server promises, its standbys, the roles") \
    X(cmd_store_init, "store init", "", "make the tables in the database of ZAPKEEP_STORE") \
    X(cmd_store_upgrade, "store upgrade", "", "bring the tables in the database of ZAPKEEP_STORE to this version") \
    X(cmd_store_migrate, "store migrate", "--from STORE --to STORE [--dry-run] [--json]", "move a store into PostgreSQL or back, and verify it; zapkeep must be stopped") \
    X(cmd_backup, "backup", "DIR [--json]", "copy events.db, state.db and forward.db to DIR while everything runs") \
    X(cmd_restore, "restore", "DIR [--json]", "put the copies of a backup in place; zapkeep must be stopped") \
    X(cmd_probe, "probe", "URL", "ask a /health or /ready URL; exit 0 when it answers 200") \
    /* end of the list */
/* clang-format on */

#define X(run, name, args, what) int run(int argc, char *argv[]);
CLI_COMMANDS(X)
#undef X
