/*
 * The log: what reaches the console and what the ring buffer keeps.
 *
 * The settings and the ring belong to the module, so each test sets what it needs and
 * writes enough lines of its own to know what a dump must show.
 */
// sources: kernel/lib/log.c kernel/lib/printf.c
#include "lib/log.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { RING = 16384 };

/* All that came to the sink since begin(). */
static char console[4 * RING];
static size_t console_len;
static unsigned sink_calls;

/* The console lock. */
static unsigned locked, unlocked;
static bool held, sink_without_lock;
static uint64_t saved;

static void sink(const char *bytes, size_t len)
{
    EXPECT(len > 0 && console_len + len < sizeof(console));
    memcpy(console + console_len, bytes, len);
    console_len += len;
    console[console_len] = 0;
    sink_calls++;
    if (!held) sink_without_lock = true;
}

static uint64_t lock(void)
{
    EXPECT(!held);
    held = true;
    return 1000 + locked++;
}

static void unlock(uint64_t given)
{
    EXPECT(held);
    held = false;
    saved = given;
    unlocked++;
}

static void clear(void)
{
    console_len = 0;
    console[0] = 0;
    sink_calls = 0;
    sink_without_lock = false;
}

static void begin(void)
{
    log_set_lock(lock, unlock);
    log_set_sink(sink);
    log_set_level(LOG_INFO);
    log_set_colour(false);
    log_set_clock(NULL, 0);
    clear();
}

/* What a dump prints. */
static const char *dumped(void)
{
    clear();
    log_dump();
    return console;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

TEST(a_line_has_its_level_and_ends)
{
    begin();
    log_error("frame %#x", 0x42);
    log_warn("two");
    log_info("three");
    EXPECT_STR(console, "[ERROR] frame 0x42\n[ WARN] two\n[ INFO] three\n");
}

/* rows: W06 */
TEST(lines_above_the_level_go_to_the_ring_alone)
{
    begin();
    log_debug("hidden");
    log_trace("deeply");
    EXPECT_EQ(sink_calls, 0);
    EXPECT(ends_with(dumped(), "[DEBUG] hidden\n[TRACE] deeply\n"));

    begin();
    log_set_level(LOG_TRACE);
    log_debug("shown");
    log_trace("too");
    EXPECT_STR(console, "[DEBUG] shown\n[TRACE] too\n");

    begin();
    log_set_level(LOG_OFF);
    log_error("nobody hears");
    EXPECT_EQ(sink_calls, 0);
    EXPECT(ends_with(dumped(), "[ERROR] nobody hears\n"));
}

/* rows: W06 R47 */
TEST(levels_are_known_by_name)
{
    static const char *const names[] = {"off", "error", "warn", "info", "debug", "trace"};
    enum log_level level;

    for (unsigned i = 0; i < 6; i++) {
        level = LOG_OFF;
        EXPECT(log_level_named(names[i], &level));
        EXPECT_EQ(level, i);
    }
    level = LOG_WARN;
    EXPECT(!log_level_named("loud", &level));
    EXPECT(!log_level_named("", &level));
    EXPECT(!log_level_named("ERROR", &level));
    EXPECT_EQ(level, LOG_WARN);
}

/* rows: W06 R47 */
TEST(colours_are_for_the_console_and_not_for_the_ring)
{
    begin();
    EXPECT_STR(log_paint(LOG_ERROR), "");
    EXPECT_STR(log_paint(LOG_OFF), "");
    log_error("plain");
    clear();
    log_set_colour(true);
    log_error("red");
    EXPECT_STR(console, "\x1b[31m[ERROR] red\x1b[0m\n");
    EXPECT_STR(log_paint(LOG_ERROR), "\x1b[31m");
    EXPECT_STR(log_paint(LOG_OFF), "\x1b[0m");
    EXPECT(ends_with(dumped(), "\n[ERROR] red\n"));
    log_debug("not shown, so not painted");
    EXPECT(ends_with(dumped(), "\n[DEBUG] not shown, so not painted\n"));
}

static uint64_t ticks;
static uint64_t read_ticks(void) { return ticks; }

TEST(a_line_says_when_in_seconds_and_microseconds)
{
    begin();
    log_set_clock(read_ticks, 10000000);
    ticks = 12345;
    log_info("early");
    ticks = 123ul * 10000000 + 9999999;
    log_info("late");
    EXPECT_STR(console, "[    0.001234] [ INFO] early\n[  123.999999] [ INFO] late\n");
    log_set_clock(NULL, 0);
}

TEST(plain_text_is_for_the_console_alone)
{
    begin();
    kprintf("%s %d\n", "text", 7);
    console_write("\0bytes", 6);
    EXPECT_EQ(memcmp(console, "text 7\n\0bytes", 13), 0);
    EXPECT_EQ(console_len, 13);
    log_info("mark");
    EXPECT(ends_with(dumped(), "[ INFO] mark\n"));
    EXPECT(!strstr(console, "text 7"));
    clear();
    console_write("", 0);
    EXPECT_EQ(sink_calls, 0);
}

TEST(without_a_sink_lines_are_kept)
{
    begin();
    log_set_sink(NULL);
    log_info("into the dark");
    kprintf("gone");
    log_set_sink(sink);
    EXPECT(ends_with(dumped(), "[ INFO] into the dark\n"));
}

TEST(the_ring_keeps_the_last_lines_whole)
{
    char line[64];
    unsigned first, last = 0;

    begin();
    log_set_level(LOG_OFF);
    for (unsigned i = 0; i < 3000; i++)
        log_info("line %u of this test", i);
    const char *at = dumped();
    EXPECT(console_len <= RING && console_len > RING - 64);
    if (!EXPECT(sscanf(at, "[ INFO] line %u of", &first) == 1)) return;
    for (last = first; *at; last++) {
        snprintf(line, sizeof(line), "[ INFO] line %u of this test\n", last);
        if (!EXPECT(strncmp(at, line, strlen(line)) == 0)) return;
        at += strlen(line);
    }
    EXPECT_EQ(last, 3000);
}

TEST(the_last_lines_are_copied_whole)
{
    char text[RING + 100];

    begin();
    log_set_level(LOG_OFF);
    for (unsigned i = 0; i < 3000; i++)
        log_info("line %u", i);
    size_t n = log_tail(text, 64);
    text[n] = 0;
    EXPECT_STR(text, "[ INFO] line 2997\n[ INFO] line 2998\n[ INFO] line 2999\n");
    n = log_tail(text, sizeof(text));
    EXPECT(n <= RING && n > RING - 64);
    EXPECT(strncmp(text, "[ INFO] line ", 13) == 0);
    EXPECT_EQ(log_tail(text, 5), 0);
    EXPECT_EQ(log_tail(text, 0), 0);
}

TEST(a_line_that_fills_the_ring_to_its_end_is_no_loss)
{
    char text[256];
    unsigned long lines = 0;

    begin();
    log_set_level(LOG_OFF);
    /* Lines of 128 bytes with their tag and newline: the ring ends where a line does. */
    memset(text, 'x', sizeof(text));
    text[128 - 9] = 0;
    for (unsigned i = 0; i < 4 * RING / 128; i++)
        log_info("%s", text);
    for (const char *at = dumped(); *at; at++)
        lines += *at == '\n';
    EXPECT(lines >= RING / 128 - 1);
    EXPECT_EQ(console_len, lines * 128);
}

TEST(a_line_longer_than_the_ring_leaves_its_end)
{
    char *text = malloc(RING + 100);

    begin();
    log_set_level(LOG_OFF);
    memset(text, 'y', RING + 99);
    text[RING + 99] = 0;
    log_info("%s", text);
    EXPECT_STR(dumped(), ""); /* no whole line is left */
    log_info("next");
    EXPECT_STR(dumped(), "[ INFO] next\n");
    free(text);
}

TEST(each_line_is_written_under_one_hold_of_the_lock)
{
    begin();
    unsigned before = locked;
    log_info("a %s of %d parts", "line", 3);
    EXPECT_EQ(locked, before + 1);
    kprintf("%d%d", 1, 2);
    console_write("x", 1);
    log_dump();
    EXPECT_EQ(locked, before + 4);
    EXPECT_EQ(unlocked, locked);
    EXPECT_EQ(saved, 1000 + locked - 1); /* what lock() gave comes back */
    EXPECT(!sink_without_lock);
}

static void breaking_sink(const char *bytes, size_t len)
{
    log_break_lock();
    sink(bytes, len);
}

TEST(after_a_panic_nobody_waits_for_the_lock)
{
    begin();
    log_break_lock();
    unsigned before = locked;
    log_error("panic");
    EXPECT_STR(console, "[ERROR] panic\n");
    EXPECT_EQ(locked, before);

    /* Broken while somebody prints: that one still gives back what it took. */
    begin();
    log_set_sink(breaking_sink);
    log_info("in the middle");
    EXPECT(!held);
    EXPECT_EQ(unlocked, locked);
    begin();
}
