/* `zapkeep doctor` as a child, and its findings. */
#pragma once

#include "common/base/json_out.h"
#include "services/console/context.h"

struct doctor_run;

int doctor_run_new(const struct console_context *c, struct doctor_run **ret);
void doctor_run_free(struct doctor_run *d); /* NULL is nothing */
/* Returns 0, also when it runs already, or a negative: the program cannot be run. */
int doctor_run_start(struct doctor_run *d);
/* Appends the Doctor. */
void doctor_run_json(const struct doctor_run *d, struct json_out *j);
