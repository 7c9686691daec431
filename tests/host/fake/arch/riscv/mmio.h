/* Device registers on the host: a model of the device answers (virtio_model.c). */
#pragma once

#include <stdint.h>

uint32_t fake_mmio_read(const volatile void *at, unsigned size);
void fake_mmio_write(volatile void *at, uint32_t value);

static inline uint8_t mmio_read8(const volatile void *at)
{
    return (uint8_t)fake_mmio_read(at, 1);
}
static inline uint16_t mmio_read16(const volatile void *at)
{
    return (uint16_t)fake_mmio_read(at, 2);
}
static inline uint32_t mmio_read32(const volatile void *at)
{
    return fake_mmio_read(at, 4);
}
static inline void mmio_write32(volatile void *at, uint32_t value)
{
    fake_mmio_write(at, value);
}

static inline void mmio_release(void) {}
static inline void mmio_acquire(void) {}
static inline void mmio_order(void) {}
