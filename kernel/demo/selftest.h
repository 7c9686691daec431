/* The tutorials' checks of their own kernel, on this one. */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>

/* Each does what it says and prints "NAME passed!", or "NAME failed!" and returns false. */
must_check bool frame_allocator_test(void);
must_check bool heap_test(void);
must_check bool remap_test(void);
