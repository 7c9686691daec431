/*
 * The log and the console.
 *
 *     log_line --> ring buffer (all levels)
 *         \
 *          +----> console sink: SBI early on, then the UART
 *         /
 *     kprintf, console_write
 *
 * Text is formatted straight into its destinations, so a line may be of any length,
 * and under one lock, so that lines of several harts never mix. The lock (rank
 * CONSOLE, interrupts closed) has to come from sync/, which this module may not
 * include: sync/console_lock.c hands it over as a pair of functions, as arch/ and
 * drivers/ hand over the clock and the sink. Until then one hart runs, and there
 * is nothing to lock against.
 *
 * A fault while formatting (a bad %s) panics with the lock held; so panic() breaks
 * the lock by taking the pair away. What other harts were printing may then be torn.
 *
 * The ring holds the last 16 KiB of text, without colours, and forgets whole lines:
 * a dump starts after the first newline once the ring has wrapped.
 *
 * Locking: the console lock protects the ring and the sink. The settings are words
 * that are written at boot, and read without it.
 */
#include "lib/log.h"

#include "lib/printf.h"
#include "lib/string.h"

enum { RING = LOG_KEPT };

static enum log_level shown = LOG_INFO;
static bool colour;

static void (*sink)(const char *bytes, size_t len);
static uint64_t (*clock_ticks)(void);
static uint64_t clock_frequency;
static uint64_t (*lock_console)(void);
static void (*unlock_console)(uint64_t saved);

/* Under the console lock. */
static char ring[RING];
static uint64_t ring_end; /* bytes ever written; the next goes to ring_end % RING */

static const struct level {
    const char *name;
    const char *tag;
    const char *ansi;
} levels[] = {
    [LOG_OFF] = {"off", "", "\x1b[0m"},
    [LOG_ERROR] = {"error", "[ERROR]", "\x1b[31m"},
    [LOG_WARN] = {"warn", "[ WARN]", "\x1b[93m"},
    [LOG_INFO] = {"info", "[ INFO]", "\x1b[34m"},
    [LOG_DEBUG] = {"debug", "[DEBUG]", "\x1b[32m"},
    [LOG_TRACE] = {"trace", "[TRACE]", "\x1b[90m"},
};

/* The pair is read once: log_break_lock() may take it away between lock and unlock. */
struct hold {
    void (*unlock)(uint64_t saved);
    uint64_t saved;
};

static struct hold hold_console(void)
{
    struct hold h = {__atomic_load_n(&unlock_console, __ATOMIC_RELAXED), 0};

    if (h.unlock) h.saved = lock_console();
    return h;
}

static void release_console(struct hold h)
{
    if (h.unlock) h.unlock(h.saved);
}

static void to_console(const char *bytes, size_t len)
{
    if (sink && len != 0) sink(bytes, len);
}

static void to_ring(const char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        size_t at = ring_end % RING;
        size_t n = len - done < RING - at ? len - done : RING - at;
        memcpy(ring + at, bytes + done, n);
        ring_end += n;
        done += n;
    }
}

static void write_console(struct printf_sink *out, const char *text, size_t len)
{
    (void)out;
    to_console(text, len);
}

static void write_ring(struct printf_sink *out, const char *text, size_t len)
{
    (void)out;
    to_ring(text, len);
}

static void write_both(struct printf_sink *out, const char *text, size_t len)
{
    write_console(out, text, len);
    write_ring(out, text, len);
}

static void print_time(struct printf_sink *out)
{
    if (clock_frequency == 0) return;
    uint64_t ticks = clock_ticks();
    uint64_t seconds = ticks / clock_frequency;
    uint64_t micros = ticks % clock_frequency * 1000000 / clock_frequency;
    printf_to(out, "[%5lu.%06lu] ", seconds, micros);
}

const char *log_paint(enum log_level level) { return colour ? levels[level].ansi : ""; }

static void paint(enum log_level level)
{
    const char *ansi = log_paint(level);

    to_console(ansi, strlen(ansi));
}

void log_line(enum log_level level, const char *fmt, ...)
{
    bool show = level <= shown;
    struct printf_sink out = {show ? write_both : write_ring};
    va_list args;

    va_start(args, fmt);
    struct hold h = hold_console();
    print_time(&out);
    if (show) paint(level);
    printf_to(&out, "%s ", levels[level].tag);
    printf_va(&out, fmt, args);
    if (show) paint(LOG_OFF);
    write_ring(&out, "\n", 1);
    if (show) to_console("\n", 1);
    release_console(h);
    va_end(args);
}

size_t log_tail(char *out, size_t size)
{
    struct hold h = hold_console();
    size_t len = ring_end < RING ? ring_end : RING;
    bool cut = ring_end > len || len > size;

    if (len > size) len = size;
    for (size_t i = 0; i < len; i++) {
        out[i] = ring[(ring_end - len + i) % RING];
    }
    release_console(h);
    if (!cut) return len;

    const char *line = memchr(out, '\n', len);
    size_t skip = line ? (size_t)(line - out) + 1 : len;
    memmove(out, out + skip, len - skip);
    return len - skip;
}

void kprintf(const char *fmt, ...)
{
    struct printf_sink out = {write_console};
    va_list args;

    va_start(args, fmt);
    struct hold h = hold_console();
    printf_va(&out, fmt, args);
    release_console(h);
    va_end(args);
}

void console_write(const char *bytes, size_t len)
{
    struct hold h = hold_console();
    to_console(bytes, len);
    release_console(h);
}

void log_set_level(enum log_level level) { shown = level; }

bool log_level_named(const char *name, enum log_level *out)
{
    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_colour(bool on) { colour = on; }

void log_set_sink(void (*write)(const char *bytes, size_t len))
{
    struct hold h = hold_console();
    sink = write;
    release_console(h);
}

void log_set_clock(uint64_t (*ticks)(void), uint64_t frequency)
{
    clock_ticks = ticks;
    clock_frequency = frequency;
}

void log_set_lock(uint64_t (*lock)(void), void (*unlock)(uint64_t saved))
{
    lock_console = lock;
    __atomic_store_n(&unlock_console, unlock, __ATOMIC_RELAXED);
}

void log_break_lock(void) { __atomic_store_n(&unlock_console, NULL, __ATOMIC_RELAXED); }

void log_dump(void)
{
    struct hold h = hold_console();
    uint64_t at = ring_end > RING ? ring_end - RING : 0;

    if (at != 0) {
        while (at < ring_end && ring[at++ % RING] != '\n') {
        }
    }
    while (at < ring_end) {
        size_t start = at % RING;
        size_t n = ring_end - at < RING - start ? ring_end - at : RING - start;
        to_console(ring + start, n);
        at += n;
    }
    release_console(h);
}
