/* Numbers that look random and are the same in every run: xorshift64. */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state; /* never 0 */
};

static inline uint64_t random_next(struct random *r)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return r->state;
}

static inline uint64_t random_below(struct random *r, uint64_t limit)
{
    return (random_next(r) >> 11) % limit;
}
