/*
 * Device registers, and the order between them and memory that a device reads and writes.
 *
 * To the memory model registers are input and output, and memory is memory: an access to
 * one is ordered with the other only by a fence that names both. Host tests put another
 * file in front of this one, where a model of the device answers.
 */
#pragma once

#include <stdint.h>

static inline uint8_t mmio_read8(const volatile void *at)
{
    return *(const volatile uint8_t *)at;
}
static inline uint16_t mmio_read16(const volatile void *at)
{
    return *(const volatile uint16_t *)at;
}
static inline uint32_t mmio_read32(const volatile void *at)
{
    return *(const volatile uint32_t *)at;
}
static inline void mmio_write32(volatile void *at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

/* Before the write to a register that tells a device of memory: it finds what we wrote. */
static inline void mmio_release(void) { __asm__ volatile("fence w, o" ::: "memory"); }

/* After an access to a register: what the device wrote before is what we find in memory. */
static inline void mmio_acquire(void) { __asm__ volatile("fence io, r" ::: "memory"); }

/* Between writes to registers of two devices. */
static inline void mmio_order(void) { __asm__ volatile("fence io, io" ::: "memory"); }
