/*
 * Between the two halves of the line discipline: input (ldisc.c) echoes through output
 * (ldisc_output.c).
 */
#pragma once

#include "tty/ldisc.h"

static inline bool ldisc_iflag(const struct ldisc *l, uint32_t flag)
{
    return l->termios.c_iflag & flag;
}
static inline bool ldisc_oflag(const struct ldisc *l, uint32_t flag)
{
    return l->termios.c_oflag & flag;
}
static inline bool ldisc_lflag(const struct ldisc *l, uint32_t flag)
{
    return l->termios.c_lflag & flag;
}

/* Not the first byte of a character. */
static inline bool ldisc_continues(const struct ldisc *l, uint8_t c)
{
    return ldisc_iflag(l, IUTF8) && (c & 0xc0) == 0x80;
}
static inline bool ldisc_is_control(uint8_t c) { return c < 0x20 || c == 0x7f; }

/* A typed character, control characters as ^X if ECHOCTL says so; and one as it is. Both do
 * nothing where there is no room any more. */
void ldisc_echo(struct ldisc *l, uint8_t c);
void ldisc_echo_plain(struct ldisc *l, uint8_t c);
/* The cursor goes back over a tab. `width` columns are in front of it, counted from the tab
 * before, or from the beginning of the line. */
void ldisc_echo_untab(struct ldisc *l, uint32_t width, bool after_tab);

/* What a stop holds back: programs write nothing meanwhile, so it is echo. */
void ldisc_forget_echo(struct ldisc *l);

/* VSTOP and VSTART, which respect what a program has stopped. */
void ldisc_pause(struct ldisc *l);
void ldisc_resume(struct ldisc *l);
