/*
 * One load or store through the hardware's translation of the current space, by number
 * of address: at a user page as a program would do it, or at a supervisor's page.
 *
 * The window onto user pages (SUM) makes some emulators forget translations when it
 * opens; who wants to know what a hart remembers uses supervisor pages.
 */
#pragma once

#include "lib/addr.h"

/*
 * `va` is aligned to 8 bytes. 0, or -EFAULT if the access trapped, with the cause in
 * this_context->fault_cause; nothing has been loaded or stored then.
 */
must_check int user_probe_load(vaddr_t va, uint64_t *out);
must_check int user_probe_store(vaddr_t va, uint64_t value);
must_check int supervisor_probe_load(vaddr_t va, uint64_t *out);
must_check int supervisor_probe_store(vaddr_t va, uint64_t value);
