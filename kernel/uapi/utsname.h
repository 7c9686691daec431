/* Names of the system: uname(2) (linux/utsname.h). */
#pragma once

#include "lib/assert.h"

enum { UTS_LENGTH = 64 };

struct new_utsname {
    char sysname[UTS_LENGTH + 1];
    char nodename[UTS_LENGTH + 1];
    char release[UTS_LENGTH + 1];
    char version[UTS_LENGTH + 1];
    char machine[UTS_LENGTH + 1];
    char domainname[UTS_LENGTH + 1];
};
static_assert(sizeof(struct new_utsname) == 390, "struct utsname of the ABI");
