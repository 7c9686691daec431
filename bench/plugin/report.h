/*
 * What our plugins have in common: they are told out=FILE, and write there at the end what
 * they have counted.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "qemu_plugin.h"

PLUGIN_EXPORT int qemu_plugin_version = 1;

static char report_path[4096];

/* What plugin `name` was told is one word, out=FILE. Else it says so. */
static inline bool report_asked(const char *name, int argc, char **argv)
{
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 ||
        strlen(argv[0]) >= sizeof(report_path)) {
        fprintf(stderr, "%s: wanted out=FILE\n", name);
        return false;
    }
    strcpy(report_path, argv[0] + 4);
    return true;
}

/* NULL if the file cannot be written: it says so. */
static inline FILE *report_open(void)
{
    FILE *out = fopen(report_path, "w");

    if (!out) perror(report_path);
    return out;
}

static inline void report_close(FILE *out)
{
    if (fclose(out) != 0) perror(report_path);
}
