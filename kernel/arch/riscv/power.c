/*
 * Three ways to end, tried in turn. The SiFive test device takes one 32-bit store,
 * 0x5555 for success or code << 16 | 0x3333; it is the only way to carry a status.
 * SBI's system reset ends QEMU with 0 whatever the type and reason. The last is to
 * wait for interrupts for ever, with interrupts closed.
 */
#include "arch/riscv/power.h"

#include "arch/riscv/directmap.h"
#include "arch/riscv/sbi.h"
#include "arch/riscv/trap.h"

enum { TEST_PASS = 0x5555, TEST_FAIL = 0x3333, PATIENCE = 1000000 };
#define VIRT_TEST_DEVICE PA(0x100000)

static volatile uint32_t *test_device;

void power_set_test_device(volatile void *regs) { test_device = regs; }

_Noreturn void power_off(int status)
{
    uint32_t word = status ? (uint32_t)status << 16 | TEST_FAIL : TEST_PASS;

    /* A panic may come while the device is not mapped: then this store does nothing. */
    if (test_device && probe_store32(test_device, word) == 0) {
        for (unsigned i = 0; i < PATIENCE; i++) {
            cpu_relax();
        }
    }
    sbi_shutdown();
    for (;;) {
        __asm__ volatile("csrci sstatus, 2; wfi");
    }
}

_Noreturn void power_off_blind(int status)
{
    if (!test_device) power_set_test_device(pa_to_ptr(VIRT_TEST_DEVICE));
    power_off(status);
}
