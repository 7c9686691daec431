/*
 * Interrupts from one hart to another, and waiting for what they ask.
 *
 * struct hart.ipi has a bit for each kind of request. The sender sets the bit, then
 * raises the software interrupt; the receiver lowers the interrupt, then takes all
 * bits. So a bit set at any time is seen: by this interrupt or by the next.
 */
#pragma once

#include "arch/riscv/hart.h"

enum ipi {
    IPI_WAKE = 1 << 0,  /* nothing but leaving wfi */
    IPI_FLUSH = 1 << 1, /* struct hart.flush_from has requests; see tlb.c */
    IPI_STOP = 1 << 2,  /* another hart panics: stop for ever */
};

/* To the harts of `mask`, by index. They see every store made before. */
void ipi_send(uint64_t mask, enum ipi what);

/* Answers requests that have come in, interrupts open or not. */
void ipi_poll(void);

/* The software interrupt has come. Interrupts are closed. */
void ipi_handle(void);

/*
 * Waits until *word is 0, answering other harts meanwhile: they may be waiting for us.
 * It spins a little, then sleeps in wfi; whoever makes it 0 calls ipi_wake(). Loads
 * after it are ordered after the stores before the zero (acquire).
 */
void ipi_wait_zero(const uint64_t *word);

/* `h` may sleep in ipi_wait_zero() for a word that was just made 0. */
void ipi_wake(struct hart *h);

/* Answered IPIs of this boot, of all harts, for tests. */
uint64_t ipi_count(void);
