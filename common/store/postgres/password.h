/* The password of the database server, for this folder alone. */
#pragma once

#define PG_PASSWORD_MAX 1024

/* @value is copied, @file is kept by reference. @value "": libpq's own ways (.pgpass). @file: NULL, or the file that @value was
 * read from, which is read anew for each connection, as libpq does with .pgpass: a password that is changed needs no restart. */
void pg_set_password(const char *value, const char *file);
/* The password of a connection that is made now; "" as above. */
const char *pg_password(char ret[PG_PASSWORD_MAX]);
