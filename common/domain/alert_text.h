/*
 * Alerts in the languages that operators can choose.
 */
#pragma once

#include "common/domain/alert_kind.h"

enum language { LANGUAGE_EN, LANGUAGE_PT_BR, LANGUAGE_ES, LANGUAGE_ID, LANGUAGE_N };
#define LANGUAGES "en, pt-BR, es or id"

int language_find(const char *name); /* "pt-BR", letter case aside; -1: there is none */
const char *language_name(enum language l);

const char *alert_title(enum language l, enum alert_kind k); /* "Session gone from the bridge" */
const char *alert_step(enum language l, enum alert_kind k);  /* the next step of a person */

enum alert_word { ALERT_WORD_RESOLVED, ALERT_WORD_SESSION, ALERT_WORD_BRIDGE, ALERT_WORD_TEST };
const char *alert_word(enum language l, enum alert_word w);
