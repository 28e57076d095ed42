/* The API's routes as one table: method, path, role, handler. */
#pragma once

#include "services/console/handlers.h"

struct route {
    const char *method, *pattern;
    enum access_role role; /* 0: nobody needs to be logged in */
    handler *handle;
};
/* Ended by a row without a method. */
extern const struct route routes[];

/* The route of a path below /api/v1, with its parameters. *ret_other_method: there is one of another method. */
const struct route *routes_find(struct str method, struct str path,
                                char ret[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX], bool *ret_other_method);
