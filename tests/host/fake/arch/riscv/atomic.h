/* The same by the compiler's own means. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t atomic_swap_acquire(uint32_t *word, uint32_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_ACQUIRE);
}
static inline uint64_t atomic_take_acquire(uint32_t *word)
{
    uint32_t free = 0;

    __atomic_compare_exchange_n(word, &free, 1, false, __ATOMIC_ACQUIRE,
                                __ATOMIC_RELAXED);
    return free;
}
static inline uint64_t atomic_swap_release(uint32_t *word, uint32_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_RELEASE);
}
static inline void atomic_clear_release(uint32_t *word)
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}
static inline void atomic_and_release(uint64_t *word, uint64_t mask)
{
    __atomic_fetch_and(word, mask, __ATOMIC_RELEASE);
}
static inline void fence_loads(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
