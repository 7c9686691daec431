/*
 * The 16550 serial port that serves as console.
 */
#pragma once

#include "drivers/devtree.h"
#include "drivers/plic.h"

/* `regs` is where dev->regs of `uart` is mapped. The line's speed stays as firmware left it. */
void uart_init(const struct devtree_uart *uart, volatile void *regs);

/* Sends the bytes as they are, and returns when the last is in the transmitter: a sink
 * for log_set_sink(), whose lock keeps callers apart. */
void uart_write(const char *bytes, size_t len);

/*
 * By interrupts, beside the log, whose lines stay whole. These take the console lock by
 * themselves.
 */
enum { UART_BURST = 16 }; /* bytes that the transmitter takes at once */
enum uart_event { UART_INPUT = 1, UART_OUTPUT = 2 };

/* h->handle is called when an event comes that uart_ask() has asked for. 0; or what plic_add()
 * says, -ENODEV if there is no port. */
must_check int uart_listen(const struct devtree_uart *uart, struct irq_handler *h);
/* Events that interrupt from now on: bytes to be received, room for a burst. */
void uart_ask(unsigned events);
/* Up to UART_BURST bytes, all of them or (there is no room) none. */
must_check bool uart_send(const uint8_t *bytes, size_t len);
/* False: there is none. */
must_check bool uart_receive(uint8_t *byte);
