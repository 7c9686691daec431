/*
 * Futexes under every interleaving: a wake-up after a store is never lost, whatever moves or gives
 * up meanwhile, and as many have been woken as the wakers say.
 *
 * A program's memory is a few words. Reading one with the lock held works always but the first
 * time, as if it had to be brought.
 */
// sources: kernel/proc/futex.c
// sources: kernel/sched/schedule.c kernel/sched/run_queue.c kernel/sched/wait.c
// sources: kernel/sched/mutex.c kernel/sync/spinlock.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c
// sources: tests/host/fake/machine.c tests/host/explore/schedule.c
// sources: tests/host/explore/threads.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie
#include "proc/futex.h"

#include "explore/threads.h"
#include "lib/errno.h"
#include "machine.h"
#include "mm/aspace.h"
#include "mm/uaccess.h"
#include "proc/task.h"
#include "test.h"
#include "uapi/futex.h"

#include <stdio.h>
#include <string.h>

/* ---- The program's memory. ---- */

enum { WORDS = 4, MEMORY = 0x1000 };

static uint32_t words[WORDS];
static bool brought[WORDS]; /* it has been touched */
static struct aspace space;
static struct program program;
static struct process process;
static struct task tasks[SCHEDULE_THREADS];
static bool signalled[SCHEDULE_THREADS];

static unsigned word_at(vaddr_t va) { return (unsigned)(va.raw - MEMORY) / 4; }
static struct futex_word word(unsigned i)
{
    return (struct futex_word){VA(MEMORY + 4 * i), true};
}

int try_get_user32(vaddr_t from, uint32_t *out)
{
    schedule_point("try", &words[word_at(from)]);
    *out = words[word_at(from)];
    return brought[word_at(from)] ? 0 : -EFAULT;
}

int get_user32(vaddr_t from, uint32_t *out)
{
    schedule_point("get", &words[word_at(from)]);
    brought[word_at(from)] = true;
    *out = words[word_at(from)];
    return 0;
}

int cas_user32(vaddr_t at, uint32_t *expected, uint32_t value)
{
    schedule_point("cas", &words[word_at(at)]);
    uint32_t now = words[word_at(at)];
    if (now == *expected) words[word_at(at)] = value;
    *expected = now;
    return 0;
}

int put_user32(vaddr_t to, uint32_t value)
{
    words[word_at(to)] = value;
    return 0;
}

/* What only robust lists and shared memory ask for. */
int get_user64(vaddr_t from, uint64_t *out) { return from.raw && out ? -EFAULT : 0; }
int copy_from_user(void *to, vaddr_t from, size_t len)
{
    return to && from.raw && len ? -EFAULT : 0;
}
bool aspace_get_mapping(struct aspace *s, struct range r, struct mapping *out)
{
    return s && r.start.raw && !out;
}
void object_get(struct object *o) { (void)o; }
void object_put(struct object *o) { (void)o; }

bool signal_pending(void)
{
    unsigned i = (unsigned)(current_thread() - explore_threads);

    schedule_point("signal?", &signalled[i]);
    return signalled[i];
}

/* ---- The stories. ---- */

static void (*parts[SCHEDULE_THREADS])(void);
static long results[SCHEDULE_THREADS],
    said; /* of who waits; and what wakers said they woke */
static void (*look)(void);
static unsigned bound;

static void begin(void)
{
    explore_threads_begin();
    memset(words, 0, sizeof(words));
    memset(brought, 0, sizeof(brought));
    memset(signalled, 0, sizeof(signalled));
    said = 0;
    space.end = 1ul << 26;
    program.space = &space;
    process.program = &program;
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        results[i] = 1;
        tasks[i] = (struct task){.thread = &explore_threads[i], .process = &process};
        explore_threads[i].owner = &process;
        explore_threads[i].task = &tasks[i];
    }
}

static void thread(unsigned number)
{
    explore_threads_become(number);
    parts[number]();
}

static void end(void)
{
    explore_threads_end();
    look();
}

static void explore(void)
{
    fake_machine();
    schedule_ranks = RANKS;
    schedule_switched = explore_threads_become;
    unsigned long n =
        schedule_explore(&(struct model){SCHEDULE_THREADS, begin, thread, end}, bound);
    printf("ok %lu schedules\n", n);
}

static bool holds(unsigned preemptions, void (*after)(void), void (*a)(void),
                  void (*b)(void), void (*c)(void))
{
    parts[0] = a;
    parts[1] = b;
    parts[2] = c;
    look = after;
    bound = preemptions;
    return schedule_in_child(explore);
}

static void nothing(void) {}

static void wait_for_word(void)
{
    unsigned i = (unsigned)(current_thread() - explore_threads);

    results[i] = futex_wait(word(0), 0, FUTEX_ANY_BIT, FUTEX_NO_DEADLINE);
}

static void store(unsigned i, uint32_t value)
{
    schedule_point("store", &words[i]);
    words[i] = value;
}

static void store_and_wake(void)
{
    store(0, 1);
    said += futex_wake(word(0), 2, FUTEX_ANY_BIT);
}

static void store_and_wake_one_by_one(void)
{
    store(0, 1);
    said += futex_wake(word(0), 1, FUTEX_ANY_BIT);
    said += futex_wake(word(0), 1, FUTEX_ANY_BIT);
}

/* Those who wait go over to another word, and are woken there; who comes later sees the store. */
static void move_and_wake(void)
{
    const uint32_t value = 0;

    long moved = futex_requeue(word(0), word(2), 0, 2, &value);
    if (moved < 0 || moved > 2) schedule_fail("%ld have moved", moved);
    store(0, 1);
    said += futex_wake(word(0), 2, FUTEX_ANY_BIT);
    said += futex_wake(word(2), 2, FUTEX_ANY_BIT);
}

static void operate_and_wake(void)
{
    const uint32_t add_one = (uint32_t)FUTEX_OP_ADD << 28 | 1 << 12;

    said +=
        futex_wake_op(word(1), word(0), 2, 2, add_one); /* compares with 0: as it was */
}

static void interrupt_the_first(void)
{
    schedule_point("signal", &signalled[0]);
    signalled[0] = true;
    thread_wake(&explore_threads[0]);
}

/* Each of those who waited was woken, or saw the store; and as many were woken as was said. */
static void nobody_is_forgotten(void)
{
    long woken = 0;

    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        if (results[i] == 1) continue;
        if (results[i] == 0) {
            woken++;
        } else if (results[i] != -EAGAIN &&
                   !(signalled[i] && results[i] == -ERESTARTSYS)) {
            schedule_fail("thread %u: %ld", i, results[i]);
        }
    }
    if (woken != said) schedule_fail("%ld were woken, %ld said", woken, said);
}

TEST(a_wake_up_after_a_store_finds_who_has_not_seen_it)
{
    EXPECT(holds(4, nobody_is_forgotten, wait_for_word, store_and_wake, nothing));
}

TEST(two_that_wait_are_woken_together)
{
    EXPECT(holds(2, nobody_is_forgotten, wait_for_word, wait_for_word, store_and_wake));
}

TEST(two_that_wait_are_woken_one_by_one)
{
    EXPECT(holds(2, nobody_is_forgotten, wait_for_word, wait_for_word,
                 store_and_wake_one_by_one));
}

TEST(who_is_moved_to_another_word_is_woken_there)
{
    EXPECT(holds(3, nobody_is_forgotten, wait_for_word, move_and_wake, nothing));
}

TEST(an_operation_on_the_word_is_a_store_like_any_other)
{
    EXPECT(holds(3, nobody_is_forgotten, wait_for_word, operate_and_wake, nothing));
}

TEST(a_wake_up_counts_although_a_signal_comes_too)
{
    EXPECT(holds(3, nobody_is_forgotten, wait_for_word, store_and_wake,
                 interrupt_the_first));
}

TEST(who_is_moved_and_interrupted_leaves_the_list_it_is_in)
{
    EXPECT(
        holds(2, nobody_is_forgotten, wait_for_word, move_and_wake, interrupt_the_first));
}
