/*
 * Clearing and copying whole frames, as fast as the hart can: cbo.zero where it
 * has Zicboz, else straight stores. Pointers are page aligned.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void frame_clear(void *frame);
/* The frames of [start, end), at least one. */
void frames_clear(void *start, const void *end);
void frame_copy(void *restrict dst, const void *restrict src);

/* All harts have Zicboz, and cbo.zero clears `block` bytes: use it if it works here and
 * the size is one we know. Boot only. False: plain stores stay. */
bool frame_use_cbo_zero(uint32_t block);
