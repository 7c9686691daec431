/*
 * The 16550 serial port, transmitting by polling.
 *
 * A byte goes into the transmit holding register once the line status says that it
 * is empty. The device tree says how far apart registers are (reg-shift) and how
 * wide an access must be (reg-io-width).
 *
 * A port that never becomes ready (a wrong address in the tree, a line held by flow
 * control) must not stop the kernel: after a bounded wait the byte is dropped, and
 * so are the ones that follow, without waiting, until the port is ready again.
 *
 * Locking: the console lock (lib/log.h).
 *
 * Not here: receiving, and speed: firmware has set it.
 */
#include "drivers/uart.h"

enum { REG_TRANSMIT = 0, REG_LINE_STATUS = 5 };
enum { STATUS_TRANSMIT_EMPTY = 0x20 };
enum { PATIENCE = 1000000 }; /* polls; a byte takes about 90 us at 115200 baud */

static volatile uint8_t *base;
static unsigned shift;
static unsigned width;
static bool stuck;

static uint32_t reg_read(unsigned reg)
{
    volatile void *at = base + ((size_t)reg << shift);

    if (width == 4) return *(volatile uint32_t *)at;
    if (width == 2) return *(volatile uint16_t *)at;
    return *(volatile uint8_t *)at;
}

static void reg_write(unsigned reg, uint8_t value)
{
    volatile void *at = base + ((size_t)reg << shift);

    if (width == 4) {
        *(volatile uint32_t *)at = value;
    } else if (width == 2) {
        *(volatile uint16_t *)at = value;
    } else {
        *(volatile uint8_t *)at = value;
    }
}

static bool wait_until_empty(void)
{
    unsigned polls = stuck ? 1 : PATIENCE;

    while (polls--) {
        if (reg_read(REG_LINE_STATUS) & STATUS_TRANSMIT_EMPTY) {
            stuck = false;
            return true;
        }
    }
    stuck = true;
    return false;
}

void uart_init(const struct devtree_uart *uart, volatile void *regs)
{
    base = regs;
    shift = uart->reg_shift;
    width = uart->io_width;
    stuck = false;
}

void uart_write(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (wait_until_empty()) reg_write(REG_TRANSMIT, (uint8_t)bytes[i]);
    }
}
