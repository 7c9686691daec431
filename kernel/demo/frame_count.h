/* Did all frames come back? */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Frames free once nothing is kept back. */
uint64_t frames_free(void);

/* Are `before` frames free again, or soon? Says so, the second only if not. */
must_check bool frames_are_back(uint64_t before);
must_check bool frames_are_back_quietly(uint64_t before);
