/* What the files of strace share. */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line being made; what does not fit is cut off. */
struct strace_line {
    size_t len;
    char text[1000];
};

void strace_put(struct strace_line *l, const char *fmt, ...) printf_like(2);

/* How many words a list has. */
unsigned strace_count(const char *kinds);
/*
 * Puts arguments [from, ...) of a call, separated, up to one that only its result tells
 * (bytes_out), or to the last. The number of the first that is not there yet. `result` NULL: it is not known yet.
 */
unsigned strace_put_arguments(struct strace_line *l, const char *kinds,
                              const uint64_t arg[6], unsigned from, const long *result);
void strace_put_result(struct strace_line *l, long result, bool address);

/* By the name of a kind: puts the value's names. False: there is no such kind. */
must_check bool strace_put_named(struct strace_line *l, const char *kind, size_t len,
                                 uint64_t value);
/* "ENOENT", and what it means; NULL if it is no number of an error. */
const char *strace_error_name(int error, const char **meaning);
