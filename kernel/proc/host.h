/*
 * What the machine calls itself: uname(2), sethostname(2), /proc/sys/kernel.
 */
#pragma once

#include "lib/compiler.h"
#include "uapi/system.h"

/* The version of Linux whose calls these are, as programs compare them. */
#define HOST_RELEASE "6.12.0-kilburn"
#define HOST_VERSION "#1 SMP"

enum host_name { HOST_NODE, HOST_DOMAIN, HOST_NAMES };

/* Copies UTS_NAME bytes, with a NUL. */
void host_name_get(enum host_name which, char *out);
/* `len` < UTS_NAME bytes. */
void host_name_set(enum host_name which, const char *name, unsigned len);
