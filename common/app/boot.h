/*
 * The first steps of a program, each with one line on stderr and an exit code when it fails. For common/app only.
 */
#pragma once

#include "common/app/app_spec.h"

/* "<program>: <message>" on stderr. Returns APP_EXIT(code). */
int boot_exit(const struct app_spec *spec, enum exit_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Reads the settings; prints --help and --version. Returns 0, APP_EXIT(...) or -ENOMEM. */
int boot_settings(const struct app_spec *spec, const struct app_start *start, void *settings);
void boot_log(const struct app_spec *spec, const struct app_settings *s);
/* Makes the data folder if need be and a file in it. Returns 0 (also on a full disk, which the service waits for) or
 * APP_EXIT(...). */
int boot_data_dir(const struct app_spec *spec, const struct app_settings *s);
/* Logs every setting that is not at its default; secrets and URLs as settings_each() shows them. */
void boot_show_settings(const struct app_spec *spec, const void *settings);
/* Warns of @name, a secret that was given as a flag. */
void boot_warn_of_flag(const char *name);
