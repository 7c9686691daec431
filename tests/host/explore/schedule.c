/*
 * See schedule.h for what this is for.
 *
 * The scheduler has no thread of its own: choosing happens in the thread that came
 * to a point, and only if another one is chosen is there a switch. The choices of a
 * run lie in `path`; of the first `fixed` ones it is known what to choose, the others
 * take the default and note what else there would have been.
 */
#include "explore/schedule.h"

#include "arch/riscv/hart.h"
#include "sync/spinlock.h"
#include "test.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { MAX_POINTS = 6000, STACK = 256 * 1024, RUN_SECONDS = 10, NOBODY = 0xff };

enum policy { BOUNDED, SERIAL, RANDOM };

/* A point that the run has come to, and what was chosen there. */
struct point {
    const char *what;
    const void *where, *caller;
    uint8_t thread; /* that came to it */
    uint8_t chosen; /* that goes on */
    uint8_t others; /* not tried yet, a bit each */
};

static struct point path[MAX_POINTS];
static unsigned fixed, npoints;

static struct thread {
    ucontext_t context;
    const struct spinlock *wants;
    bool done;
    bool between; /* two operations */
    char stack[STACK] __attribute__((aligned(16)));
} threads[SCHEDULE_THREADS];

static const struct model *model;
static enum policy policy;
static unsigned bound, preemptions;
static uint64_t (*random_bits)(void);
static ucontext_t outside;
static bool running;

void (*schedule_inspect)(const char *what, const void *where);
void (*schedule_explain)(void);
void (*schedule_switched)(unsigned thread);
unsigned schedule_ranks = RANK_TLB;

bool schedule_running(void) { return running; }

/* The source line of a point: of the function that is not a header's. */
static void print_line(const void *caller)
{
    char command[160], line[256], best[256] = "?";

    snprintf(command, sizeof(command), "addr2line -s -i -e /proc/%d/exe %p", getpid(),
             caller);
    FILE *f = caller ? popen(command, "r") : NULL;
    if (!f) {
        printf("-");
        return;
    }
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, " \n")] = '\0';
        strcpy(best, line);
        if (!strstr(line, ".h:")) break;
    }
    pclose(f);
    printf("%s", best);
}

static void print_point(const struct point *p)
{
    if (!p) {
        printf("the start");
    } else {
        printf("%s ", p->what);
        print_line(p->caller);
    }
}

/* A line for each stretch of one thread: from the point that it did first to the one that it
 * came to last, and has yet to do. */
static void print_run(void)
{
    const struct point *came_to[SCHEDULE_THREADS] = {NULL};

    for (unsigned i = 0; i < npoints;) {
        unsigned thread = path[i].chosen;
        if (path[i].thread != NOBODY) came_to[path[i].thread] = &path[i];
        printf("    %c  ", 'A' + (int)thread);
        print_point(came_to[thread]);
        for (i++; i < npoints && path[i].thread == thread; i++) {
            came_to[thread] = &path[i];
            if (path[i].chosen != thread) break;
        }
        printf("  ..  ");
        if (i < npoints ? path[i].thread == NOBODY : threads[thread].done) {
            printf("the end");
        } else {
            print_point(came_to[thread]);
        }
        printf("\n");
    }
}

static void print_choices(void)
{
    printf("replay: EXPLORE_REPLAY=\"");
    for (unsigned i = 0; i < npoints;) {
        unsigned from = i;
        while (i < npoints && path[i].chosen == path[from].chosen)
            i++;
        printf("%s%c%u", from ? " " : "", 'A' + path[from].chosen, i - from);
    }
    printf("\"\n");
}

static _Noreturn void end_badly(const char *message)
{
    static bool again;

    running = false;
    if (!again) {
        again = true;
        printf("%s\n", message);
        if (schedule_explain) schedule_explain();
        print_run();
        print_choices();
    }
    fflush(stdout);
    _exit(1);
}

void schedule_fail(const char *fmt, ...)
{
    char message[300];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    end_badly(message);
}

static void on_signal(int number)
{
    end_badly(number == SIGALRM ? "no end" : "an access to no memory");
}

static void catch_signals(void)
{
    static char stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = SA_ONSTACK | SA_NODEFER};

    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
}

static unsigned runnable(void)
{
    unsigned set = 0;

    for (unsigned i = 0; i < model->threads; i++) {
        const struct thread *t = &threads[i];
        if (!t->done && !(t->wants && t->wants->held)) set |= 1u << i;
    }
    return set;
}

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

static unsigned lowest(unsigned set) { return (unsigned)__builtin_ctz(set); }

static unsigned random_of(unsigned set)
{
    unsigned n = (unsigned)(random_bits() >> 32) % (unsigned)__builtin_popcount(set);

    while (n-- > 0)
        set &= set - 1;
    return lowest(set);
}

/*
 * What a run does where nothing is fixed; notes what else it could do. Who waits for
 * another one in a loop always lets somebody else go on, if there is anybody.
 */
static unsigned default_choice(struct point *p, unsigned last, unsigned set)
{
    if (same(p->what, "drain") && set & (set - 1)) {
        unsigned others = set & ~(1u << last), later = others & (~0u << last);
        p->others = 0;
        return lowest(later ? later : others); /* in turn: two may wait for a third */
    }
    bool free = last == NOBODY || !(set >> last & 1);
    unsigned chosen = free ? lowest(set) : last;

    p->others = 0;
    if (policy == RANDOM) {
        if (free || random_bits() >> 61 == 0) chosen = random_of(set);
        return chosen;
    }
    if (free || (policy == SERIAL ? threads[last].between : preemptions < bound)) {
        p->others = (uint8_t)(set & ~(1u << chosen));
    }
    return chosen;
}

/* Thread `last` has come to a point: who goes on? */
static unsigned choose(unsigned last, const char *what, const void *where,
                       const void *caller)
{
    unsigned set = runnable();
    struct point *p = &path[npoints];

    if (npoints == MAX_POINTS) schedule_fail("no progress");
    *p = (struct point){what, where, caller, (uint8_t)last, p->chosen, p->others};
    if (!set) {
        for (p->chosen = 0; threads[p->chosen].done;)
            p->chosen++;
        npoints++;
        schedule_fail("deadlock");
    }
    if (npoints >= fixed) p->chosen = (uint8_t)default_choice(p, last, set);
    npoints++;
    if (!(set >> p->chosen & 1)) schedule_fail("a run that does not repeat itself");
    bool forced = last == NOBODY || !(set >> last & 1) || same(what, "drain");
    if (!forced && p->chosen != last) preemptions++;
    return p->chosen;
}

static void switch_to(ucontext_t *from, unsigned next)
{
    fake_hart = next;
    if (schedule_switched) schedule_switched(next);
    swapcontext(from, &threads[next].context);
}

static void come_to(const char *what, const void *where, const void *caller)
{
    unsigned self = fake_hart;
    unsigned next = choose(self, what, where, caller);

    if (next != self) switch_to(&threads[self].context, next);
    if (schedule_inspect) schedule_inspect(what, where);
}

/*
 * Points of the kernel. Left out: locks of the allocators, which nothing of interest
 * happens under; releasing a lock, since a switch after it serves as well; and waiting,
 * which a thread that is only chosen when its lock is free never does.
 */
void interleave(const char *what, const void *where)
{
    struct thread *self = &threads[fake_hart];

    if (!running || this_hart()->ranks >> schedule_ranks) return;
    if (same(what, "unlock") || same(what, "frames") || same(what, "magazine")) return;
    if (policy == SERIAL && !same(what, "lock")) return;
    if (same(what, "lock")) self->wants = where;
    come_to(what, where, __builtin_return_address(0));
    self->wants = NULL;
}

void schedule_point(const char *what, const void *where)
{
    if (running && policy != SERIAL) come_to(what, where, __builtin_return_address(0));
}

void schedule_operation(const char *name)
{
    struct thread *self = &threads[fake_hart];

    self->between = true;
    come_to(name, NULL, __builtin_return_address(0));
    self->between = false;
}

static void thread_main(unsigned number)
{
    model->thread(number);
    threads[number].done = true;
    if (harts[number].preempt || harts[number].ranks) {
        schedule_fail("thread %c ends with preemption %u and ranks %#x", 'A' + number,
                      harts[number].preempt, harts[number].ranks);
    }
    for (unsigned i = 0; i < model->threads; i++) {
        if (!threads[i].done)
            switch_to(&threads[number].context, choose(NOBODY, "end", NULL, NULL));
    }
    setcontext(&outside);
}

static void run_threads(void)
{
    npoints = preemptions = 0;
    for (unsigned i = 0; i < model->threads; i++) {
        struct thread *t = &threads[i];
        t->wants = NULL;
        t->done = false;
        getcontext(&t->context);
        t->context.uc_stack.ss_sp = t->stack;
        t->context.uc_stack.ss_size = STACK;
        t->context.uc_link = NULL;
        makecontext(&t->context, (void (*)(void))thread_main, 1, i);
    }
    running = true;
    switch_to(&outside, choose(NOBODY, "start", NULL, NULL));
    running = false;
    fake_hart = 0;
}

static void run(void)
{
    alarm(RUN_SECONDS);
    if (setjmp(crash_landing)) end_badly(crash_message);
    crash_expected = true;
    npoints = 0;
    model->begin();
    run_threads();
    model->end();
    crash_expected = false;
}

/* Changes the last choice that has an alternative; false if there is none. */
static bool next_path(void)
{
    while (npoints > 0 && path[npoints - 1].others == 0)
        npoints--;
    fixed = npoints;
    if (fixed == 0) return false;
    struct point *p = &path[fixed - 1];
    p->chosen = (uint8_t)lowest(p->others);
    p->others &= (uint8_t)(p->others - 1);
    return true;
}

static void start(const struct model *m, enum policy how)
{
    catch_signals();
    model = m;
    policy = how;
    fixed = 0;
}

static unsigned long run_all(void)
{
    unsigned long n = 0;

    do {
        run();
        n++;
    } while (next_path());
    alarm(0);
    return n;
}

unsigned long schedule_explore(const struct model *m, unsigned limit)
{
    start(m, BOUNDED);
    bound = limit;
    return run_all();
}

unsigned long schedule_serial(const struct model *m)
{
    start(m, SERIAL);
    return run_all();
}

void schedule_random(const struct model *m, unsigned long runs, uint64_t (*random)(void))
{
    start(m, RANDOM);
    random_bits = random;
    while (runs-- > 0)
        run();
    alarm(0);
}

void schedule_replay(const struct model *m, const char *choices)
{
    start(m, BOUNDED);
    bound = 0;
    while (*choices) {
        char *end;
        unsigned thread = (unsigned)(*choices - 'A');
        unsigned long n = strtoul(choices + 1, &end, 10);
        while (n-- > 0 && fixed < MAX_POINTS)
            path[fixed++].chosen = (uint8_t)thread;
        choices = end + strspn(end, " ");
    }
    run();
    print_run();
    alarm(0);
}

bool schedule_in_child(void (*what)(void))
{
    int status;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        what();
        fflush(stdout);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}
