/*
 * Atomic operations in one instruction where the compilers make two: they know neither that
 * a swap's result is already extended, nor the release bit of a store's kind of swap.
 */
#pragma once

#include <stdint.h>

/* What was there; loads and stores after it stay after it. */
static inline uint64_t atomic_swap_acquire(uint32_t *word, uint32_t value)
{
    uint64_t old;
    __asm__ volatile("amoswap.w.aq %0, %2, %1"
                     : "=r"(old), "+A"(*word)
                     : "r"(value)
                     : "memory");
    return old;
}

/* Takes what is free as 0, and leaves another value as it is: 0 says that it was. Loads and stores
 * after it stay after it. */
static inline uint64_t atomic_take_acquire(uint32_t *word)
{
    uint64_t old;
    __asm__ volatile("amomaxu.w.aq %0, %2, %1"
                     : "=r"(old), "+A"(*word)
                     : "r"(1)
                     : "memory");
    return old;
}

/* What was there; loads and stores before it stay before it. */
static inline uint64_t atomic_swap_release(uint32_t *word, uint32_t value)
{
    uint64_t old;
    __asm__ volatile("amoswap.w.rl %0, %z2, %1"
                     : "=r"(old), "+A"(*word)
                     : "rJ"(value)
                     : "memory");
    return old;
}
static inline void atomic_clear_release(uint32_t *word)
{
    __asm__ volatile("amoswap.w.rl zero, zero, %0" : "+A"(*word)::"memory");
}
static inline void atomic_and_release(uint64_t *word, uint64_t mask)
{
    __asm__ volatile("amoand.d.rl zero, %1, %0" : "+A"(*word) : "r"(mask) : "memory");
}
/* Loads before it are made before loads after it. */
static inline void fence_loads(void) { __asm__ volatile("fence r, r" ::: "memory"); }
