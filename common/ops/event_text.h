/* An event for a person: the first words of a message, and its sender, wherever a bridge puts them. Pure. */
#pragma once

#include "common/base/text.h"

/* The text of a message or of a state, "" where none is known; cut to @n bytes with the NUL. Returns @ret. */
char *event_text(struct str body, char *ret, size_t n);
/* "551188" of "551188@s.whatsapp.net"; "" where it is not known. Returns @ret. */
char *event_sender(struct str body, char *ret, size_t n);
