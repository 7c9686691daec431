/*
 * The output half of the line discipline: OPOST, echo, and stopping.
 *
 *     output_tail              stopped_at        output_head
 *          |  to the screen         |  waits for VSTART |
 *     -----+------------------------+-------------------+-----
 *
 * Programs may fill the ring up to LDISC_WRITTEN bytes; echo may go on, so that keys show
 * while a program writes faster than the screen reads. Echo for which there is no room
 * at all is lost.
 *
 * While output is stopped, programs write nothing. A device that sends stops where it is; what was
 * put out on a pty before the stop has reached its reader. Echo goes behind, and keeps its order
 * with everything.
 *
 * The column is where the cursor of a simple terminal would be: tabs, and erasing them, need it.
 */
#include "lib/string.h"
#include "tty/ldisc_internal.h"

enum { TAB = 8 };

static uint32_t used(const struct ldisc *l) { return l->output_head - l->output_tail; }

static uint32_t written_room(const struct ldisc *l)
{
    if (l->stopped || used(l) >= LDISC_WRITTEN) return 0;
    return LDISC_WRITTEN - used(l);
}

static void put(struct ldisc *l, uint8_t c)
{
    l->output[l->output_head++ % LDISC_OUTPUT] = c;
}

static uint8_t upper(uint8_t c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; }

static void back_one(struct ldisc *l)
{
    if (l->column > 0) l->column--;
}

static bool put_newline(struct ldisc *l, uint32_t room)
{
    bool with_return = ldisc_oflag(l, ONLCR);

    if (with_return && room < 2) return false;
    if (with_return || ldisc_oflag(l, ONLRET)) l->column = 0;
    l->line_column = l->column;
    if (with_return) put(l, '\r');
    put(l, '\n');
    return true;
}

static void put_return(struct ldisc *l)
{
    bool as_newline = ldisc_oflag(l, OCRNL);

    if (ldisc_oflag(l, ONOCR) && l->column == 0) return;
    if (!as_newline || ldisc_oflag(l, ONLRET)) l->line_column = l->column = 0;
    put(l, as_newline ? '\n' : '\r');
}

static bool put_tab(struct ldisc *l, uint32_t room)
{
    uint32_t spaces = TAB - l->column % TAB;
    bool expand = (l->termios.c_oflag & TABDLY) == XTABS;

    if (expand && room < spaces) return false;
    l->column += spaces;
    if (!expand) put(l, '\t');
    for (uint32_t i = 0; expand && i < spaces; i++) {
        put(l, ' ');
    }
    return true;
}

static void put_ordinary(struct ldisc *l, uint8_t c)
{
    if (c == '\b') {
        back_one(l);
    } else if (!ldisc_is_control(c)) {
        if (ldisc_oflag(l, OLCUC)) c = upper(c);
        if (!ldisc_continues(l, c)) l->column++;
    }
    put(l, c);
}

/* One byte, processed. False, and nothing put, if what it becomes has no room. */
static bool put_processed(struct ldisc *l, uint8_t c, uint32_t room)
{
    if (room == 0) return false;
    switch (c) {
    case '\n':
        return put_newline(l, room);
    case '\r':
        put_return(l);
        return true;
    case '\t':
        return put_tab(l, room);
    default:
        put_ordinary(l, c);
        return true;
    }
}

static bool put_raw(struct ldisc *l, uint8_t c, uint32_t room)
{
    if (room == 0) return false;
    put(l, c);
    return true;
}

size_t ldisc_write(struct ldisc *l, const uint8_t *bytes, size_t len)
{
    bool processed = ldisc_oflag(l, OPOST);
    size_t done = 0;

    while (done < len &&
           (processed ? put_processed : put_raw)(l, bytes[done], written_room(l))) {
        done++;
    }
    return done;
}

bool ldisc_has_output_room(const struct ldisc *l) { return written_room(l) >= TAB; }

uint32_t ldisc_output_count(const struct ldisc *l)
{
    return (l->stopped ? l->stopped_at : l->output_head) - l->output_tail;
}

size_t ldisc_take_output(struct ldisc *l, uint8_t *buf, size_t size)
{
    size_t n = ldisc_output_count(l);
    uint32_t at = l->output_tail % LDISC_OUTPUT;

    if (n > size) n = size;
    size_t first = n < LDISC_OUTPUT - at ? n : LDISC_OUTPUT - at;
    memcpy(buf, l->output + at, first);
    memcpy(buf + first, l->output, n - first);
    l->output_tail += (uint32_t)n;
    return n;
}

/* ---- echo ---- */

static uint32_t echo_room(const struct ldisc *l) { return LDISC_OUTPUT - used(l); }

void ldisc_echo_plain(struct ldisc *l, uint8_t c)
{
    /* Nothing to be done if it does not fit. */
    (void)(ldisc_oflag(l, OPOST) ? put_processed : put_raw)(l, c, echo_room(l));
}

void ldisc_echo(struct ldisc *l, uint8_t c)
{
    if (!ldisc_lflag(l, ECHOCTL) || !ldisc_is_control(c) || c == '\t') {
        ldisc_echo_plain(l, c);
    } else if (echo_room(l) >= 2) {
        put(l, '^');
        put(l, c ^ 0x40);
        l->column += 2;
    }
}

void ldisc_echo_untab(struct ldisc *l, uint32_t width, bool after_tab)
{
    if (!after_tab) width += l->line_column;
    for (uint32_t i = width % TAB; i < TAB && echo_room(l) > 0; i++) {
        put(l, '\b');
        back_one(l);
    }
}

/* ---- stopping and forgetting ---- */

void ldisc_pause(struct ldisc *l)
{
    if (l->stopped) return;
    l->stopped = true;
    l->stopped_at = l->delivers ? l->output_head : l->output_tail;
    l->packet = (l->packet & ~TIOCPKT_START) | TIOCPKT_STOP;
}

void ldisc_resume(struct ldisc *l)
{
    if (!l->stopped || l->stopped_hard) return;
    l->stopped = false;
    l->packet = (l->packet & ~TIOCPKT_STOP) | TIOCPKT_START;
}

void ldisc_stop(struct ldisc *l)
{
    l->stopped_hard = true;
    ldisc_pause(l);
}

void ldisc_start(struct ldisc *l)
{
    if (!l->stopped_hard) return;
    l->stopped_hard = false;
    ldisc_resume(l);
}

void ldisc_send(struct ldisc *l, uint8_t c)
{
    if (c != VDISABLED && echo_room(l) > 0) put(l, c);
}

void ldisc_forget_echo(struct ldisc *l)
{
    if (l->stopped) l->output_head = l->stopped_at;
}

/* What has reached its reader cannot be taken back. */
void ldisc_flush_output(struct ldisc *l)
{
    if (!l->delivers) l->output_head = l->stopped_at = l->output_tail;
    l->packet |= TIOCPKT_FLUSHWRITE;
}
