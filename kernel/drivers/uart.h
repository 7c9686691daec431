/*
 * The 16550 serial port that serves as console.
 */
#pragma once

#include "drivers/devtree.h"

/* `regs` is where dev->regs of `uart` is mapped. The line's speed stays as firmware left it. */
void uart_init(const struct devtree_uart *uart, volatile void *regs);

/* Sends the bytes as they are, and returns when the last is in the transmitter: a sink
 * for log_set_sink(), whose lock keeps callers apart. */
void uart_write(const char *bytes, size_t len);
