/*
 * The line discipline, without a terminal around it: what is typed or written, what that puts on
 * the screen, and what a program reads, for all that termios(3) can say. Linux has been asked for
 * the answers (tty_oracle_test.c asks it again, where it can).
 */
// sources: kernel/tty/ldisc.c kernel/tty/ldisc_output.c
#include "test.h"
#include "tty/ldisc.h"
#include "uapi/signal.h"

#include <stdio.h>

static struct ldisc l;

static void begin(void) { ldisc_init(&l, true); }

static void change(uint32_t iflag, uint32_t oflag, uint32_t lflag)
{
    struct linux_termios2 t = l.termios;

    t.c_iflag = iflag;
    t.c_oflag = oflag;
    t.c_lflag = lflag;
    ldisc_set_termios(&l, &t);
}

static void set_char(unsigned which, uint8_t c)
{
    struct linux_termios2 t = l.termios;

    t.c_cc[which] = c;
    ldisc_set_termios(&l, &t);
}

static size_t type(const char *keys)
{
    return ldisc_receive(&l, (const uint8_t *)keys, strlen(keys));
}
static size_t put(const char *text)
{
    return ldisc_write(&l, (const uint8_t *)text, strlen(text));
}

static const char *screen(void)
{
    static char text[LDISC_OUTPUT + 1];

    text[ldisc_take_output(&l, (uint8_t *)text, LDISC_OUTPUT)] = 0;
    return text;
}

static const char *line(void)
{
    static char text[LDISC_INPUT + 1];
    bool ended;

    if (!ldisc_readable(&l, 1)) return "nothing";
    text[ldisc_read(&l, (uint8_t *)text, LDISC_INPUT, &ended)] = 0;
    return text;
}

enum {
    USUAL_I = ICRNL | IXON,
    USUAL_O = OPOST | ONLCR,
    USUAL_L = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
};

/* From the beginning: keys, what they show, and what is read. */
static void check(const struct linux_termios2 *modes, const char *keys, const char *shown,
                  const char *read)
{
    begin();
    change(modes->c_iflag, modes->c_oflag, modes->c_lflag);
    EXPECT_EQ(type(keys), strlen(keys));
    if (!EXPECT_STR(screen(), shown) || !EXPECT_STR(line(), read))
        printf("typed: %s\n", keys);
}

static void check_usual(const char *keys, const char *shown, const char *read)
{
    const struct linux_termios2 usual = {
        .c_iflag = USUAL_I, .c_oflag = USUAL_O, .c_lflag = USUAL_L};

    check(&usual, keys, shown, read);
}

static void check_local(uint32_t lflag, const char *keys, const char *shown,
                        const char *read)
{
    const struct linux_termios2 modes = {
        .c_iflag = USUAL_I, .c_oflag = USUAL_O, .c_lflag = lflag};

    check(&modes, keys, shown, read);
}

static void check_input(uint32_t iflag, const char *keys, const char *shown,
                        const char *read)
{
    const struct linux_termios2 modes = {
        .c_iflag = iflag, .c_oflag = USUAL_O, .c_lflag = USUAL_L};

    check(&modes, keys, shown, read);
}

TEST(a_line_can_be_edited_before_it_is_finished)
{
    check_usual("hello\r", "hello\r\n", "hello\n");
    check_usual("hello", "hello", "nothing");
    check_usual("ab\x7f\x7f\x7f"
                "c\n",
                "ab\b \b\b \bc\r\n", "c\n");
    check_usual("ab cd,\x17"
                "e\n",
                "ab cd,\b \b\b \b\b \be\r\n", "ab e\n");
    check_usual("ab\x15"
                "c\n",
                "ab\b \b\b \bc\r\n", "c\n");
    check_usual("ab\x12"
                "c\n",
                "ab^R\r\nabc\r\n", "abc\n");
    check_usual("\x16\x03\x16\x7f\n", "^\b^C^\b^?\r\n", "\x03\x7f\n");
    check_usual("\x01\x7f"
                "a\n",
                "^A\b \b\b \ba\r\n", "a\n");
    check_usual("one\ntwo\x15three\n", "one\r\ntwo\b \b\b \b\b \bthree\r\n", "one\n");
    check_usual("one\ntwo\n\x7f", "one\r\ntwo\r\n", "one\n");
}

TEST(tabs_are_erased_by_as_much_as_they_took)
{
    check_usual("ab\tc\x7f\x7f"
                "d\n",
                "ab\tc\b \b\b\b\b\b\b\bd\r\n", "abd\n");
    check_usual("\t\t\x7f\n", "\t\t\b\b\b\b\b\b\b\b\r\n", "\t\n");
    begin();
    put("$ "); /* the line begins in column 2 */
    type("a\t\x7f");
    EXPECT_STR(screen(), "$ a\t\b\b\b\b\b");
}

TEST(characters_of_several_bytes_are_erased_whole)
{
    check_input(USUAL_I | IUTF8, "a\xc3\xa9\x7f\n", "a\xc3\xa9\b \b\r\n", "a\n");
    check_input(USUAL_I, "a\xc3\xa9\x7f\n", "a\xc3\xa9\b \b\r\n", "a\xc3\n");
    check_input(USUAL_I | IUTF8, "\xa9\x7f\n", "\xa9\r\n", "\xa9\n"); /* no beginning */
}

TEST(the_end_of_file_is_a_line_without_an_end)
{
    bool ended;
    uint8_t bytes[8];

    check_usual("ab\x04", "ab", "ab");
    check_usual("\x04", "", "");
    begin();
    type("ab\x04"
         "c\n");
    EXPECT_EQ(ldisc_input_count(&l), 4);
    EXPECT_EQ(ldisc_read(&l, bytes, 2, &ended), 2);
    EXPECT(!ended);
    ldisc_skip_eof(&l);
    EXPECT_STR(line(), "c\n");
    type("d\x04");
    EXPECT_EQ(ldisc_read(&l, bytes, 8, &ended), 1); /* and no zero behind it */
    EXPECT(ended);
}

TEST(other_characters_end_lines_too)
{
    begin();
    set_char(VEOL, ';');
    set_char(VEOL2, '.');
    type("a;b.c");
    EXPECT_STR(screen(), "a;b.c");
    EXPECT_STR(line(), "a;");
    EXPECT_STR(line(), "b.");
    EXPECT_STR(line(), "nothing");
    change(USUAL_I, USUAL_O, USUAL_L & ~IEXTEN);
    type(".\n");
    EXPECT_STR(line(), "c.\n");
}

TEST(echo_is_as_the_modes_say)
{
    check_local(USUAL_L & ~ECHO, "ab\x7f\x15\n", "", "\n");
    check_local((USUAL_L & ~ECHO) | ECHONL, "ab\n", "\r\n", "ab\n");
    check_local(USUAL_L & ~ECHOCTL,
                "\x01\x7f"
                "a\n",
                "\x01"
                "a\r\n",
                "a\n");
    check_local(USUAL_L & ~ECHOE, "ab\x7f\n", "ab^?\r\n", "a\n");
    check_local(USUAL_L & ~ECHOKE,
                "ab\x15"
                "c\n",
                "ab^U\r\nc\r\n", "c\n");
    check_local(USUAL_L & ~(ECHOKE | ECHOK),
                "ab\x15"
                "c\n",
                "ab^Uc\r\n", "c\n");
    check_local(USUAL_L | ECHOPRT,
                "abc\x7f\x7f"
                "d\n",
                "abc\\cb/d\r\n", "ad\n");
    check_local(USUAL_L | ECHOPRT, "a\x7f\n", "a\\a/\r\n", "\n");
    check_local(USUAL_L & ~IEXTEN, "a\x16\x12\x17\n", "a^V^R^W\r\n", "a\x16\x12\x17\n");
    check_local(ECHO | ECHOCTL, "a\r\x04", "a\r\n^D", "a\n\x04");
}

TEST(returns_and_newlines_become_what_the_modes_say)
{
    check_input(0, "a\r\n", "a^M\r\n", "a\r\n");
    check_input(IGNCR | ICRNL, "a\r\n", "a\r\n", "a\n");
    check_input(INLCR, "a\n\x04", "a^M", "a\r");
    check_input(INLCR | ICRNL, "\n\r", "^M\r\n", "\r\n");
    check_input(ISTRIP | ICRNL, "\xe1\x8d", "a\r\n", "a\n");
    check_input(IUCLC | ICRNL, "ABC\r", "abc\r\n", "abc\n");
    check_input(PARMRK | ICRNL, "\xff\r", "\xff\r\n", "\xff\xff\n");
}

static uint32_t signals(void)
{
    uint32_t had = l.signals;

    l.signals = 0;
    return had;
}

TEST(signal_characters_forget_what_was_typed)
{
    begin();
    type("one\ntwo\x03");
    EXPECT_EQ(signals(), 1u << SIGINT);
    EXPECT_STR(screen(), "one\r\ntwo^C");
    EXPECT_STR(line(), "nothing");
    change(USUAL_I, USUAL_O, USUAL_L | NOFLSH);
    type("three\x1c\x1a\n");
    EXPECT_EQ(signals(), 1u << SIGQUIT | 1u << SIGTSTP);
    EXPECT_STR(line(), "three\n");
    change(USUAL_I, USUAL_O, USUAL_L & ~ISIG);
    type("\x03\n");
    EXPECT_EQ(signals(), 0);
    EXPECT_STR(line(), "\x03\n");
    set_char(VINTR, VDISABLED);
    change(USUAL_I, USUAL_O, USUAL_L);
    EXPECT_EQ(ldisc_receive(&l, (const uint8_t *)"\0", 1), 1);
    EXPECT_EQ(signals(), 0);
}

static const char *shown(uint32_t oflag, const char *text)
{
    begin();
    change(USUAL_I, oflag, USUAL_L);
    EXPECT_EQ(put(text), strlen(text));
    return screen();
}

TEST(output_is_processed_as_the_modes_say)
{
    EXPECT_STR(shown(USUAL_O, "a\nb\rc"), "a\r\nb\rc");
    EXPECT_STR(shown(ONLCR, "a\n"), "a\n");
    EXPECT_STR(shown(OPOST | OCRNL, "a\rb"), "a\nb");
    EXPECT_STR(shown(OPOST | ONOCR, "\ra\r\r"), "a\r");
    EXPECT_STR(shown(OPOST | ONLRET | ONOCR, "a\n\r"), "a\n");
    EXPECT_STR(shown(OPOST | OLCUC, "abc1"), "ABC1");
    EXPECT_STR(shown(OPOST | XTABS, "ab\tc\b\b\t"), "ab      c\b\b ");
    EXPECT_STR(shown(OPOST, "ab\t"), "ab\t");
}

TEST(output_has_a_limit_and_echo_a_little_more)
{
    char byte = 'x';

    begin();
    for (unsigned i = 0; i < LDISC_WRITTEN; i++) {
        EXPECT_EQ(ldisc_write(&l, (const uint8_t *)&byte, 1), 1);
    }
    EXPECT(!ldisc_has_output_room(&l));
    EXPECT_EQ(put("y"), 0);
    for (unsigned i = 0; i < LDISC_OUTPUT; i++) {
        EXPECT_EQ(type("e"), 1);
        EXPECT_EQ(type("\x7f"), 1);
    }
    EXPECT_EQ(ldisc_output_count(&l), LDISC_OUTPUT);
    EXPECT_EQ(strlen(screen()), LDISC_OUTPUT);
    EXPECT(ldisc_has_output_room(&l));
}

TEST(what_does_not_fit_is_not_torn)
{
    begin();
    EXPECT_EQ(put("\b"), 1); /* a byte that is no column */
    for (unsigned i = 1; i < LDISC_WRITTEN - 1; i++) {
        EXPECT_EQ(put("x"), 1);
    }
    EXPECT_EQ(put("\n"), 0);
    change(USUAL_I, OPOST | XTABS, USUAL_L);
    EXPECT_EQ(put("\t"), 0);
    EXPECT_EQ(put("y"), 1);
}

TEST(any_key_starts_a_stopped_screen_if_the_modes_say_so)
{
    begin();
    type("\x13");
    type("a");
    EXPECT_STR(screen(), "");
    change(USUAL_I | IXANY, USUAL_O, USUAL_L);
    type("b");
    EXPECT_STR(screen(), "ab");
    type("\x13");
    EXPECT_EQ(put("c"), 0);
    change(ICRNL, USUAL_O, USUAL_L); /* nobody could start it any more */
    EXPECT_EQ(put("c"), 1);
    EXPECT_EQ(type("\x13\n"), 2);
    EXPECT_STR(screen(), "c^S\r\n");
}

TEST(positions_go_round)
{
    begin();
    l.input_tail = l.input_head = l.lines_end = UINT32_MAX - 5;
    l.output_tail = l.output_head = UINT32_MAX - 5;
    for (unsigned i = 0; i < 3; i++) {
        type("0123456789\n");
        EXPECT_STR(screen(), "0123456789\r\n");
        EXPECT_STR(line(), "0123456789\n");
    }
}
