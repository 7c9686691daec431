/*
 * Ending the machine, with a status that becomes QEMU's exit status.
 */
#pragma once

#include "lib/addr.h"

enum { STATUS_OK = 0, STATUS_PANIC = 125, STATUS_NOT_BOOTED = 126 };

/* The device tree's test device, its registers mapped at `regs`. */
void power_set_test_device(volatile void *regs);

/* Status 0..255. Without a test device the firmware ends the machine, which loses it. */
_Noreturn void power_off(int status);

/* For a machine whose device tree cannot be read: assumes the test device of QEMU virt. */
_Noreturn void power_off_blind(int status);
