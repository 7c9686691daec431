/*
 * The line discipline: what a terminal makes of the keys of its user and of the bytes of its
 * programs (termios(3); Linux calls this one N_TTY).
 *
 *      keys ----> ldisc_receive() --> input ring ----> ldisc_read() ----> programs
 *                      | echo
 *                      v
 *      screen <-- ldisc_take_output() <-- output ring <-- ldisc_write() <-- programs
 *
 * This is a state machine and nothing else: it knows no user, no process, no device and no lock,
 * and never waits. What somebody else has to do stands in `signals` and `packet`, until it has
 * been done.
 */
#pragma once

#include "lib/compiler.h"
#include "uapi/termios.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LDISC_INPUT = 4096,   /* of it, a line has one byte less than all */
    LDISC_OUTPUT = 8192,  /* programs fill it up to the limit; echo may use the rest */
    LDISC_WRITTEN = 4096, /* the limit */
};

struct ldisc {
    struct linux_termios2 termios; /* changed by ldisc_set_termios() */
    bool delivers; /* a pty: what has been put out has reached its reader; set once */

    /* Input. Positions only grow; a byte stands at its position modulo the size. */
    uint32_t input_tail; /* the next to be read */
    uint32_t lines_end;  /* canonical: behind the last whole line */
    uint32_t input_head; /* behind the last byte */
    bool literal;        /* VLNEXT was typed: the next is no special character */
    bool erasing;        /* ECHOPRT: inside \.../ */

    /* Output, likewise. */
    uint32_t output_tail, output_head;
    uint32_t stopped_at;  /* where output_head was when it was stopped */
    bool stopped;         /* by VSTOP or by a program */
    bool stopped_hard;    /* by a program: VSTART does not start it */
    uint32_t column;      /* of the cursor */
    uint32_t line_column; /* of the cursor when the first byte of the line was typed */

    uint32_t signals; /* to be sent to the foreground: a bit for each number */
    uint32_t packet;  /* TIOCPKT_*: what a master in packet mode is to be told */

    uint64_t line_ends[LDISC_INPUT / 64]; /* a bit for each byte that ends a line */
    uint8_t input[LDISC_INPUT];
    uint8_t output[LDISC_OUTPUT];
};

/* Nothing typed, nothing written, and the modes that Linux gives a new terminal. */
void ldisc_init(struct ldisc *l, bool delivers);

/* Keys. How many of them: less than `len` if the input is full, and then nothing happens
 * before somebody has read. */
must_check size_t ldisc_receive(struct ldisc *l, const uint8_t *bytes, size_t len);

/* Would ldisc_receive() take a byte? */
bool ldisc_has_input_room(const struct ldisc *l);

/* Is there anything to be read, or at least `least` bytes where lines do not matter? */
bool ldisc_readable(const struct ldisc *l, uint32_t least);

/* Up to `size` bytes of what there is; canonical: of one line. *ended: that was all of the
 * line, perhaps nothing (VEOF was typed). */
must_check size_t ldisc_read(struct ldisc *l, uint8_t *buf, size_t size, bool *ended);
/* A read got all it wanted, and not the end of the line: if that is a mere VEOF, it is
 * over, too, and the next read does not see an end of file. */
void ldisc_skip_eof(struct ldisc *l);

/* The answer to TIOCINQ. */
uint32_t ldisc_input_count(const struct ldisc *l);

/* Bytes of a program. How many of them: less than `len` if there is no room, or it is stopped. */
must_check size_t ldisc_write(struct ldisc *l, const uint8_t *bytes, size_t len);
/* Would ldisc_write() take a byte, whichever it is? */
bool ldisc_has_output_room(const struct ldisc *l);

/* What goes to the screen, and how much there is. */
must_check size_t ldisc_take_output(struct ldisc *l, uint8_t *buf, size_t size);
uint32_t ldisc_output_count(const struct ldisc *l);

/* tcflow(3): TCOOFF and TCON; TCIOFF and TCION send a character. */
void ldisc_stop(struct ldisc *l);
void ldisc_start(struct ldisc *l);
void ldisc_send(struct ldisc *l, uint8_t c);

/* tcflush(3) */
void ldisc_flush_input(struct ldisc *l);
void ldisc_flush_output(struct ldisc *l);

void ldisc_set_termios(struct ldisc *l, const struct linux_termios2 *t);

static inline bool ldisc_is_canonical(const struct ldisc *l)
{
    return l->termios.c_lflag & ICANON;
}
