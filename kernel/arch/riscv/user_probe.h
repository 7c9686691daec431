/*
 * One load or store at an address of the current user space, as a program would do it:
 * through the hardware's translation, with the permissions of the user's pages.
 */
#pragma once

#include "lib/addr.h"

/*
 * `va` is aligned to 8 bytes. 0, or -EFAULT if the access trapped, with the cause in
 * this_hart()->fault_cause; nothing has been loaded or stored then.
 */
must_check int user_probe_load(vaddr_t va, uint64_t *out);
must_check int user_probe_store(vaddr_t va, uint64_t value);
