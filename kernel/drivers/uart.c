/*
 * The 16550 serial port. There are two who write: the log by polling, whatever the state of
 * the machine; and a terminal by interrupts, which is also the one who reads.
 *
 * The log: a byte goes into the transmit holding register once the line status says that it is
 * empty. A port that never becomes ready (a wrong address in the tree, a line held by flow
 * control) must not stop the kernel: after a bounded wait the byte is dropped, and so are the
 * ones that follow, without waiting, until the port is ready again.
 *
 * The terminal: an empty register means that the whole FIFO is empty and takes a burst.
 * Interrupts ask by their condition (there is a byte, there is room) until the condition has
 * gone or is of no interest any more (uart_ask); so which of them came need not be known.
 *
 * The device tree says how far apart registers are (reg-shift) and how wide an access must be
 * (reg-io-width).
 *
 * Locking: the console lock. uart_write() is called with it held (lib/log.h), the others take it.
 *
 * Not here: speed; firmware has set it.
 */
#include "drivers/uart.h"

#include "lib/errno.h"
#include "sync/console_lock.h"

enum {
    REG_TRANSMIT = 0,
    REG_RECEIVE = 0,
    REG_INTERRUPT_ENABLE = 1,
    REG_FIFO_CONTROL = 2,
    REG_LINE_STATUS = 5,
};
enum { ENABLE_RECEIVED = 1, ENABLE_TRANSMIT_EMPTY = 2 };
enum { FIFO_ENABLE = 1 }; /* an interrupt for each byte that comes */
enum { STATUS_RECEIVED = 0x01, STATUS_TRANSMIT_EMPTY = 0x20 };
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

int uart_listen(const struct devtree_uart *uart, struct irq_handler *h)
{
    if (!base || uart->dev.irq == 0) return -ENODEV;
    uart_ask(0);
    uint64_t saved = console_lock();
    reg_write(REG_FIFO_CONTROL, FIFO_ENABLE);
    console_unlock(saved);
    return plic_add(h, uart->dev.irq);
}

void uart_ask(unsigned events)
{
    unsigned enable = (events & UART_INPUT ? ENABLE_RECEIVED : 0) |
                      (events & UART_OUTPUT ? ENABLE_TRANSMIT_EMPTY : 0);

    uint64_t saved = console_lock();
    reg_write(REG_INTERRUPT_ENABLE, (uint8_t)enable);
    console_unlock(saved);
}

bool uart_send(const uint8_t *bytes, size_t len)
{
    uint64_t saved = console_lock();
    bool room = reg_read(REG_LINE_STATUS) & STATUS_TRANSMIT_EMPTY;

    for (size_t i = 0; room && i < len; i++) {
        reg_write(REG_TRANSMIT, bytes[i]);
    }
    console_unlock(saved);
    return room;
}

bool uart_receive(uint8_t *byte)
{
    uint64_t saved = console_lock();
    bool any = reg_read(REG_LINE_STATUS) & STATUS_RECEIVED;

    if (any) *byte = (uint8_t)reg_read(REG_RECEIVE);
    console_unlock(saved);
    return any;
}
