#include "proc/console.h"

#include "lib/log.h"
#include "lib/printf.h"
#include "sched/mutex.h"

enum {
    PIECE = 64, /* bytes that go out with interrupts closed */
    LINE = 256, /* more of a line is cut off */
};

static struct mutex console;

void shared_console_write(const char *bytes, size_t len)
{
    mutex_lock(&console);
    while (len > 0) {
        size_t n = len < PIECE ? len : PIECE;
        console_write(bytes, n);
        bytes += n;
        len -= n;
    }
    mutex_unlock(&console);
}

void shared_console_say(const char *fmt, ...)
{
    char line[LINE];
    va_list args;

    va_start(args, fmt);
    size_t len = printf_buf_va(line, sizeof(line), fmt, args);
    va_end(args);
    shared_console_write(line, len < sizeof(line) ? len : sizeof(line) - 1);
}

void shared_console_log(const char *fmt, ...)
{
    char line[LINE];
    va_list args;

    va_start(args, fmt);
    printf_buf_va(line, sizeof(line), fmt, args);
    va_end(args);
    mutex_lock(&console);
    log_info("%s", line);
    mutex_unlock(&console);
}
