/* Writes of programs, as they come out of the console. */
#include "drivers/uart.h"
#include "lib/ktest.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/console.h"
#include "sched/thread.h"

enum { WRITERS = 3, WRITES = 4, LENGTH = 3000 };

/* What came out while the test watched. Under the console's lock. */
static char *seen;
static size_t nseen;

static void watch(const char *bytes, size_t len)
{
    if (nseen + len > WRITERS * WRITES * LENGTH) return;
    memcpy(seen + nseen, bytes, len);
    nseen += len;
}

static void write_letters(void *letter)
{
    char *text = kmalloc(LENGTH);

    assert(text);
    memset(text, *(char *)letter, LENGTH);
    for (unsigned i = 0; i < WRITES; i++) {
        shared_console_write(text, LENGTH);
        thread_yield();
    }
    kfree(text);
}

/* rows: D44 */
KTEST(what_one_write_says_is_not_torn_apart)
{
    static char letter[WRITERS] = {'a', 'b', 'c'};
    struct thread *t[WRITERS];

    seen = kmalloc(WRITERS * WRITES * LENGTH);
    nseen = 0;
    assert(seen);
    log_set_sink(watch);
    for (unsigned i = 0; i < WRITERS; i++) {
        t[i] = thread_create("writer", write_letters, &letter[i]);
        if (t[i]) thread_start(t[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        if (!t[i]) continue;
        thread_join(t[i]);
        thread_put(t[i]);
    }
    log_set_sink(uart_write);

    assert(nseen == WRITERS * WRITES * LENGTH);
    for (size_t at = 0; at < nseen; at++) {
        assert(seen[at] == seen[at - at % LENGTH]);
    }
    kfree(seen);
}
