/*
 * The input half of the line discipline: keys become lines, signals and echo.
 *
 *        input_tail        lines_end          input_head
 *            |  whole lines    |   being typed    |
 *     -------+-----------------+------------------+-----
 *                  ^        ^
 *                  line_ends: \n, VEOL, VEOF (stored as a zero that nobody reads)
 *
 * Canonical: what is before lines_end can be read, line by line, and what is behind can be
 * edited. A line that grows too long goes on to be edited: its last byte is replaced, so that
 * the newline, and erasing, are not lost. Otherwise bytes can be read as soon as they have
 * come, and lines_end is of no interest.
 *
 * A byte that was typed passes, in this order: ISTRIP, IUCLC; VLNEXT before it; flow control;
 * signals; CR and NL; the editing characters; echo; the ring.
 *
 * Not here: breaks and parity errors, which no line of ours reports; IXOFF, EXTPROC.
 */
#include "lib/string.h"
#include "tty/ldisc_internal.h"
#include "uapi/signal.h"

static const struct linux_termios2 first_termios = {
    .c_iflag = ICRNL | IXON,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = B38400 | CS8 | CREAD,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc =
        {
            [VINTR] = 'C' & 0x1f,
            [VQUIT] = '\\' & 0x1f,
            [VERASE] = 0x7f,
            [VKILL] = 'U' & 0x1f,
            [VEOF] = 'D' & 0x1f,
            [VMIN] = 1,
            [VSTART] = 'Q' & 0x1f,
            [VSTOP] = 'S' & 0x1f,
            [VSUSP] = 'Z' & 0x1f,
            [VREPRINT] = 'R' & 0x1f,
            [VDISCARD] = 'O' & 0x1f,
            [VWERASE] = 'W' & 0x1f,
            [VLNEXT] = 'V' & 0x1f,
        },
    .c_ispeed = 38400,
    .c_ospeed = 38400,
};

void ldisc_init(struct ldisc *l, bool delivers)
{
    memset(l, 0, sizeof(*l));
    l->delivers = delivers;
    l->termios = first_termios;
}

/* ---- the ring ---- */

static uint8_t byte_at(const struct ldisc *l, uint32_t at)
{
    return l->input[at % LDISC_INPUT];
}

static uint64_t *ends_word(struct ldisc *l, uint32_t at)
{
    return &l->line_ends[at % LDISC_INPUT / 64];
}
static bool ends_line(const struct ldisc *l, uint32_t at)
{
    return l->line_ends[at % LDISC_INPUT / 64] >> at % 64 & 1;
}
static void set_end(struct ldisc *l, uint32_t at) { *ends_word(l, at) |= 1ul << at % 64; }
static void clear_end(struct ldisc *l, uint32_t at)
{
    *ends_word(l, at) &= ~(1ul << at % 64);
}

static bool is_eof_mark(const struct ldisc *l, uint32_t at)
{
    return ends_line(l, at) && byte_at(l, at) == VDISABLED;
}

static void store(struct ldisc *l, uint8_t c)
{
    l->input[l->input_head++ % LDISC_INPUT] = c;
}

static uint32_t stored(const struct ldisc *l) { return l->input_head - l->input_tail; }

/* With PARMRK 0xff stands for an error, and a byte 0xff for two. */
static void store_twin(struct ldisc *l, uint8_t c)
{
    if (c == 0xff && ldisc_iflag(l, PARMRK) && stored(l) < LDISC_INPUT - 1) store(l, c);
}

/* Bytes that may come. The last place is for the end of a line that is too long; with PARMRK each
 * may be up to three. */
static uint32_t input_room(const struct ldisc *l)
{
    uint32_t room = LDISC_INPUT - stored(l);

    if (ldisc_iflag(l, PARMRK)) room = (room + 2) / 3;
    return room > 0 ? room - 1 : 0;
}

/* The whole ring is one unfinished line: nobody can make room by reading. */
static bool is_one_line(const struct ldisc *l)
{
    return ldisc_is_canonical(l) && l->lines_end == l->input_tail;
}

bool ldisc_has_input_room(const struct ldisc *l)
{
    return input_room(l) > 0 || is_one_line(l);
}

/* ---- typing ---- */

/* Is c the character that c_cc names? */
static bool is_char(const struct ldisc *l, uint8_t c, unsigned which)
{
    return c != VDISABLED && c == l->termios.c_cc[which];
}
static bool is_extended(const struct ldisc *l, uint8_t c, unsigned which)
{
    return ldisc_lflag(l, IEXTEN) && is_char(l, c, which);
}

static void finish_erasing(struct ldisc *l)
{
    if (l->erasing) ldisc_echo_plain(l, '/');
    l->erasing = false;
}

/* Echo of something that becomes part of the line. */
static void echo_typed(struct ldisc *l, uint8_t c)
{
    if (l->lines_end == l->input_head) l->line_column = l->column;
    ldisc_echo(l, c);
}

static void resume_by_any(struct ldisc *l)
{
    if (ldisc_iflag(l, IXON) && ldisc_iflag(l, IXANY)) ldisc_resume(l);
}

static void type_ordinary(struct ldisc *l, uint8_t c)
{
    resume_by_any(l);
    if (ldisc_lflag(l, ECHO)) {
        finish_erasing(l);
        echo_typed(l, c);
    }
    store_twin(l, c);
    store(l, c);
}

/* A newline that CR became, where lines do not matter: unlike one that was typed, its echo is
 * none of a control character. */
static void type_newline(struct ldisc *l)
{
    if (ldisc_lflag(l, ECHO)) {
        finish_erasing(l);
        ldisc_echo_plain(l, '\n');
    }
    store(l, '\n');
}

static bool flow_char(struct ldisc *l, uint8_t c)
{
    if (!ldisc_iflag(l, IXON)) return false;
    if (is_char(l, c, VSTART)) {
        ldisc_resume(l);
    } else if (is_char(l, c, VSTOP)) {
        ldisc_pause(l);
    } else {
        return false;
    }
    return true;
}

static bool signal_char(struct ldisc *l, uint8_t c)
{
    unsigned sig = is_char(l, c, VINTR)   ? SIGINT
                   : is_char(l, c, VQUIT) ? SIGQUIT
                   : is_char(l, c, VSUSP) ? SIGTSTP
                                          : 0;

    if (!ldisc_lflag(l, ISIG) || sig == 0) return false;
    l->signals |= 1u << sig;
    if (!ldisc_lflag(l, NOFLSH)) {
        ldisc_forget_echo(l);
        ldisc_flush_output(l);
        ldisc_flush_input(l);
    }
    if (ldisc_iflag(l, IXON)) ldisc_resume(l);
    if (ldisc_lflag(l, ECHO)) ldisc_echo(l, c);
    return true;
}

/* ---- erasing ---- */

/* As words go: letters are those of ISO 8859-1, too. */
static bool is_word_part(uint8_t c)
{
    bool ascii =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

    return ascii || c == '_' || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* Where the last character of the line begins; input_head if no whole one is there. */
static uint32_t last_character(const struct ldisc *l)
{
    uint32_t at = l->input_head;

    while (at != l->lines_end) {
        if (!ldisc_continues(l, byte_at(l, --at))) return at;
    }
    return l->input_head;
}

/* How wide is what has been typed since the last tab, or the beginning of the line? */
static void echo_erased_tab(struct ldisc *l)
{
    uint32_t width = 0;
    uint32_t at = l->input_head;
    bool after_tab = false;

    while (at != l->lines_end && !after_tab) {
        uint8_t c = byte_at(l, --at);
        if (c == '\t') {
            after_tab = true;
        } else if (ldisc_is_control(c)) {
            if (ldisc_lflag(l, ECHOCTL)) width += 2;
        } else if (!ldisc_continues(l, c)) {
            width++;
        }
    }
    ldisc_echo_untab(l, width, after_tab);
}

static void echo_blank(struct ldisc *l)
{
    ldisc_echo_plain(l, '\b');
    ldisc_echo_plain(l, ' ');
    ldisc_echo_plain(l, '\b');
}

/* ECHOPRT, for printing terminals: \ and what is erased, backwards. Its bytes are in the ring
 * still, from input_head on. */
static void echo_printed(struct ldisc *l, uint32_t len)
{
    if (!l->erasing) ldisc_echo_plain(l, '\\');
    l->erasing = true;
    ldisc_echo(l, byte_at(l, l->input_head));
    for (uint32_t i = 1; i < len; i++) {
        ldisc_echo_plain(l, byte_at(l, l->input_head + i));
        if (l->column > 0) l->column--;
    }
}

/* A character of `len` bytes has just been taken off the line. */
static void echo_erased(struct ldisc *l, uint32_t len, bool by_erase)
{
    uint8_t c = byte_at(l, l->input_head);

    if (ldisc_lflag(l, ECHOPRT)) {
        echo_printed(l, len);
    } else if (by_erase && !ldisc_lflag(l, ECHOE)) {
        ldisc_echo(l, l->termios.c_cc[VERASE]);
    } else if (c == '\t') {
        echo_erased_tab(l);
    } else if (!ldisc_is_control(c)) {
        echo_blank(l);
    } else if (ldisc_lflag(l, ECHOCTL)) {
        echo_blank(l);
        echo_blank(l);
    }
}

/* False: there is no whole character left. */
static bool erase_one(struct ldisc *l, bool by_erase)
{
    uint32_t at = last_character(l);
    uint32_t len = l->input_head - at;

    if (len == 0) return false;
    l->input_head = at;
    if (ldisc_lflag(l, ECHO)) echo_erased(l, len, by_erase);
    return true;
}

static void erase_word(struct ldisc *l)
{
    bool seen = false;

    while (last_character(l) != l->input_head) {
        bool part = is_word_part(byte_at(l, last_character(l)));
        if (seen && !part) return;
        seen |= part;
        if (!erase_one(l, false)) return;
    }
}

static void erase_line(struct ldisc *l)
{
    const uint32_t visibly = ECHOK | ECHOKE | ECHOE;

    if (ldisc_lflag(l, ECHO) && (l->termios.c_lflag & visibly) == visibly) {
        while (erase_one(l, false)) {
        }
        return;
    }
    l->input_head = l->lines_end;
    if (!ldisc_lflag(l, ECHO)) return;
    finish_erasing(l);
    ldisc_echo(l, l->termios.c_cc[VKILL]);
    if (ldisc_lflag(l, ECHOK)) ldisc_echo_plain(l, '\n');
}

static bool erasing_char(struct ldisc *l, uint8_t c)
{
    bool erase = is_char(l, c, VERASE), kill = is_char(l, c, VKILL);

    if (!erase && !kill && !is_extended(l, c, VWERASE)) return false;
    if (l->input_head == l->lines_end) return true;
    if (erase) {
        (void)erase_one(l, true);
    } else if (is_char(l, c, VWERASE)) {
        erase_word(l);
    } else {
        erase_line(l);
    }
    if (l->input_head == l->lines_end && ldisc_lflag(l, ECHO)) finish_erasing(l);
    return true;
}

/* ---- lines ---- */

static void echo_literal_follows(struct ldisc *l)
{
    if (!ldisc_lflag(l, ECHO)) return;
    finish_erasing(l);
    if (!ldisc_lflag(l, ECHOCTL)) return;
    ldisc_echo_plain(l, '^');
    ldisc_echo_plain(l, '\b');
}

static void reprint(struct ldisc *l, uint8_t c)
{
    finish_erasing(l);
    ldisc_echo(l, c);
    ldisc_echo_plain(l, '\n');
    for (uint32_t at = l->lines_end; at != l->input_head; at++) {
        ldisc_echo(l, byte_at(l, at));
    }
}

/* `c` ends the line; VDISABLED: without being part of it. */
static void end_line(struct ldisc *l, uint8_t c)
{
    set_end(l, l->input_head);
    store(l, c);
    l->lines_end = l->input_head;
}

static bool ending_char(struct ldisc *l, uint8_t c)
{
    if (c == '\n') {
        if (ldisc_lflag(l, ECHO | ECHONL)) ldisc_echo_plain(l, '\n');
        end_line(l, c);
    } else if (is_char(l, c, VEOF)) {
        end_line(l, VDISABLED);
    } else if (is_char(l, c, VEOL) || is_extended(l, c, VEOL2)) {
        if (ldisc_lflag(l, ECHO)) echo_typed(l, c);
        store_twin(l, c);
        end_line(l, c);
    } else {
        return false;
    }
    return true;
}

static bool canonical_char(struct ldisc *l, uint8_t c)
{
    if (erasing_char(l, c)) return true;
    if (is_extended(l, c, VLNEXT)) {
        l->literal = true;
        echo_literal_follows(l);
        return true;
    }
    if (is_extended(l, c, VREPRINT) && ldisc_lflag(l, ECHO)) {
        reprint(l, c);
        return true;
    }
    return ending_char(l, c);
}

static void type_special(struct ldisc *l, uint8_t c)
{
    if (flow_char(l, c) || signal_char(l, c)) return;
    resume_by_any(l);
    if (c == '\r' && ldisc_iflag(l, IGNCR)) return;
    bool newline = c == '\r' && ldisc_iflag(l, ICRNL);
    if (newline) {
        c = '\n';
    } else if (c == '\n' && ldisc_iflag(l, INLCR)) {
        c = '\r';
    }
    if (ldisc_is_canonical(l) && canonical_char(l, c)) return;
    if (newline) {
        type_newline(l);
    } else {
        type_ordinary(l, c);
    }
}

static void receive_one(struct ldisc *l, uint8_t c)
{
    if (ldisc_iflag(l, ISTRIP)) c &= 0x7f;
    if (ldisc_iflag(l, IUCLC) && ldisc_lflag(l, IEXTEN) && c >= 'A' && c <= 'Z')
        c |= 0x20;
    if (l->literal) {
        l->literal = false;
        type_ordinary(l, c);
    } else {
        type_special(l, c);
    }
}

size_t ldisc_receive(struct ldisc *l, const uint8_t *bytes, size_t len)
{
    size_t done = 0;

    while (done < len && ldisc_has_input_room(l)) {
        if (stored(l) == LDISC_INPUT) l->input_head--;
        receive_one(l, bytes[done++]);
    }
    return done;
}

/* ---- reading ---- */

bool ldisc_readable(const struct ldisc *l, uint32_t least)
{
    if (ldisc_is_canonical(l)) return l->lines_end != l->input_tail;
    return stored(l) >= least;
}

static size_t read_bytes(struct ldisc *l, uint8_t *buf, size_t size)
{
    size_t n = 0;

    while (n < size && l->input_tail != l->input_head) {
        buf[n++] = byte_at(l, l->input_tail++);
    }
    return n;
}

static size_t read_line(struct ldisc *l, uint8_t *buf, size_t size, bool *ended)
{
    size_t n = 0;

    while (n < size && !*ended && l->input_tail != l->lines_end) {
        uint32_t at = l->input_tail++;
        *ended = ends_line(l, at);
        if (!is_eof_mark(l, at)) buf[n++] = byte_at(l, at);
        clear_end(l, at);
    }
    return n;
}

size_t ldisc_read(struct ldisc *l, uint8_t *buf, size_t size, bool *ended)
{
    *ended = false;
    return ldisc_is_canonical(l) ? read_line(l, buf, size, ended)
                                 : read_bytes(l, buf, size);
}

void ldisc_skip_eof(struct ldisc *l)
{
    if (!ldisc_is_canonical(l) || l->input_tail == l->lines_end) return;
    if (is_eof_mark(l, l->input_tail)) clear_end(l, l->input_tail++);
}

uint32_t ldisc_input_count(const struct ldisc *l)
{
    uint32_t n = 0;

    if (!ldisc_is_canonical(l)) return stored(l);
    for (uint32_t at = l->input_tail; at != l->lines_end; at++) {
        if (!is_eof_mark(l, at)) n++;
    }
    return n;
}

/* ---- modes ---- */

void ldisc_flush_input(struct ldisc *l)
{
    memset(l->line_ends, 0, sizeof(l->line_ends));
    l->input_tail = l->lines_end = l->input_head;
    l->erasing = false;
    l->packet |= TIOCPKT_FLUSHREAD;
}

/* What has come is one line to programs that begin to read lines; or bytes. */
static void change_canonical(struct ldisc *l)
{
    memset(l->line_ends, 0, sizeof(l->line_ends));
    l->lines_end = l->input_tail;
    if (ldisc_is_canonical(l) && l->input_head != l->input_tail) {
        set_end(l, l->input_head - 1);
        l->lines_end = l->input_head;
    }
    l->erasing = false;
    l->literal = false;
}

/* VSTOP and VSTART do what their names say, and are the usual ones: a master in packet mode
 * may do it by itself. */
static bool usual_flow(const struct linux_termios2 *t)
{
    return t->c_iflag & IXON && t->c_cc[VSTOP] == ('S' & 0x1f) &&
           t->c_cc[VSTART] == ('Q' & 0x1f);
}

void ldisc_set_termios(struct ldisc *l, const struct linux_termios2 *t)
{
    struct linux_termios2 old = l->termios;

    l->termios = *t;
    if ((old.c_lflag ^ t->c_lflag) & ICANON) change_canonical(l);
    if (old.c_iflag & IXON && !(t->c_iflag & IXON)) ldisc_resume(l);
    if (usual_flow(&old) != usual_flow(t)) {
        l->packet &= ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
        l->packet |= usual_flow(t) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
    }
}
