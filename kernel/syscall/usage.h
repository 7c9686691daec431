/* struct usage as programs see it. */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct usage;

/* Stores a struct rusage. 0 or -EFAULT. */
must_check int usage_to_user(vaddr_t at, const struct usage *u);
