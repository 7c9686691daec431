/*
 * The kernel command line: words between spaces, `key` or `key=value`.
 *
 *     loglevel=debug demo=memory name="two words" halt
 *
 * Where a key appears twice, the last one counts. Double quotes keep spaces in a word
 * and are dropped. What follows a word "--" is for the first program.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CMDLINE_BYTES = 2048, /* more is cut off */
    CMDLINE_WORDS = 64,   /* further words are ignored */
};

/* Takes a copy of `text`, any bytes up to a zero, in place of what was there before. Boot only. */
void cmdline_parse(const char *text);

/* The value: "" for a key without one, NULL if the key is not there. */
const char *cmdline_get(const char *key);

/* The words behind a word "--", which are no keys: word i of them, or NULL. */
const char *cmdline_argument(unsigned i);

/* Is the key there, and not switched off with =0, =off, =no or =false? */
bool cmdline_flag(const char *key);

/*
 * A number: decimal, or hexadecimal after 0x; cmdline_size also takes K, M, G or T after
 * it. Returns 0, -ENOENT (no such key) or -EINVAL (not such a number, or past 64 bits);
 * *out changes only with 0.
 */
must_check int cmdline_number(const char *key, uint64_t *out);
must_check int cmdline_size(const char *key, uint64_t *out);
