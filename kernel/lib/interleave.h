/*
 * A point where another hart may get in between.
 *
 * Code that shares memory without a lock, or takes one, says so with
 * interleave(). In the kernel and in ordinary host tests it is nothing. The
 * model scheduler of the host tests switches threads here and so tries the
 * interleavings that real harts meet once in a year.
 */
#pragma once

#ifdef MODEL_SCHEDULER
void interleave(const char *what, const void *where);
#else
static inline void interleave(const char *what, const void *where)
{
    (void)what;
    (void)where;
}
#endif
