/* Writes of programs, as they come out of the console. */
#include "demo/job.h"
#include "drivers/uart.h"
#include "lib/ktest.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/console.h"
#include "sched/thread.h"

enum { WRITERS = 3, WRITES = 4, LENGTH = 3000 };

enum { ROOM = WRITERS * WRITES * LENGTH };

/* What came out while the test watched, as far as there was room. Under the console's lock. */
static char *seen;
static size_t nseen;
static unsigned ncalls; /* of the driver */

static void watch(const char *bytes, size_t len)
{
    if (len > ROOM - nseen) len = ROOM - nseen;
    memcpy(seen + nseen, bytes, len);
    nseen += len;
    ncalls++;
}

static void begin_to_watch(void)
{
    seen = kmalloc(ROOM);
    nseen = ncalls = 0;
    assert(seen);
    log_set_sink(watch);
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

    begin_to_watch();
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

    assert(nseen == ROOM && ncalls <= ROOM / 32);
    for (size_t at = 0; at < nseen; at++) {
        assert(seen[at] == seen[at - at % LENGTH]);
    }
    kfree(seen);
}

/* rows: W39 R45 D08 */
KTEST(a_write_that_fails_has_written_nothing)
{
    const struct demo_program *p = program_named("write_cut");
    struct job job;

    assert(p && job_create(&job, p) == 0);
    begin_to_watch();
    job_start(&job);
    job_wait(&job);
    log_set_sink(uart_write);
    assert(job_verdict_quietly(&job));
    assert(nseen > 0 && nseen < ROOM && !memchr(seen, '#', nseen));
    kfree(seen);
}
