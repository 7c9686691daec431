/*
 * What the system is called: uname(2), sethostname(2), /proc/sys/kernel.
 *
 * The release is that of the Linux whose calls programs find here: the C library compares it.
 */
#pragma once

#include "lib/compiler.h"
#include "uapi/utsname.h"

#include <stddef.h>

#define SYSTEM_RELEASE "6.12.0-kilburn"
#define SYSTEM_VERSION "#1 SMP PREEMPT Kilburn"

/* All of one moment. */
void system_names_get(struct new_utsname *out);

/* At most UTS_LENGTH bytes, else -EINVAL. Whether the caller may is asked before. */
must_check int system_set_nodename(const char *name, size_t len);
must_check int system_set_domainname(const char *name, size_t len);
