/*
 * Structs that grow: the program says how large its own is (openat2, clone3).
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

/*
 * Fills `out` of `size` bytes from the program's, which has `user_size`. What it does not have is
 * zero; what it has and we do not must be. 0, -E2BIG, -EFAULT.
 */
must_check int user_struct(void *out, size_t size, vaddr_t at, uint64_t user_size);
