/*
 * The kernel's part of user roots: what of the kernel a program runs beside.
 *
 * With isolation=split that is the trampoline page and the entry page, and nothing
 * else (arch/riscv/entry.h).
 */
#pragma once

#include "arch/riscv/pte.h"
#include "lib/addr.h"

/* Builds the tables that all user roots have in common. Once, when the kernel's space is
 * complete. 0 or -ENOMEM. */
must_check int user_root_prepare(void);

/* Fills the upper half of a fresh, empty user root; and empties it again. */
void user_root_init(pte_t *root);
void user_root_clear(pte_t *root);

/*
 * Looks at every word of the upper half of `root`: the two pages are mapped, each by a
 * leaf of its own with just its permissions, leading to where the page is, global, and
 * not for user mode; nothing else is. NULL, or a text naming what is wrong.
 */
const char *user_root_audit(const pte_t *root);
