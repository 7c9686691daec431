/*
 * Words of the kernel command line: `word` or `word=value`, between spaces.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* The line to look in; kept. */
void cmdline_set(const char *line);

/* Is there `word`, alone? */
bool cmdline_has(const char *word);

/* Copies the value of the last `word=value` into `out`, cut to fit. False if there is none. */
bool cmdline_value(const char *word, char *out, size_t size);

/* Is there `word=value` with just this value, last? */
bool cmdline_is(const char *word, const char *value);
