/*
 * Signals, but for the frames on a program's stack: who gets them, what is dropped, what
 * becomes of the call that they end; stops; timers that send them.
 *
 * There are processes with tasks that are structs, and a clock that goes when a test says so.
 * A task "returns to its program" by come_back(), which is what the trap layer does.
 */
// sources: kernel/proc/pending.c kernel/proc/signal.c kernel/proc/signal_send.c
// sources: kernel/proc/stop.c kernel/proc/itimer.c kernel/proc/posix_timer.c
// sources: kernel/sync/spinlock.c
#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/internal.h"
#include "proc/posix_timer.h"
#include "proc/signal_internal.h"
#include "proc/signalfd.h"
#include "proc/wall.h"
#include "test.h"
#include "uapi/time.h"

enum { TASKS = 3, HANDLER = 0x4000, PC = 0x1000, MS = 1000000 };

/* ---- the world ---- */

_Thread_local struct context *this_context;
struct hart harts[MAX_HARTS];
unsigned nharts = 1;
_Thread_local unsigned fake_hart;
struct spinlock families_lock;

void hart_do_work(void) {}

static int allocations_left; /* negative: any number */
static int live;

void *kmalloc(size_t size)
{
    if (allocations_left == 0) return NULL;
    allocations_left--;
    live++;
    return __builtin_malloc(size);
}
void *kzalloc(size_t size)
{
    void *p = kmalloc(size);
    return p ? memset(p, 0, size) : NULL;
}
void kfree(void *p)
{
    if (p) live--;
    __builtin_free(p);
}

static uint64_t now;
static struct timer *set_timers;
static unsigned fires;

uint64_t clock_ns(void) { return now; }
int64_t clock_wall_ns(void) { return (int64_t)now + 1000000000000; }
uint64_t ticks_to_ns(uint64_t ticks) { return ticks; }
uint64_t thread_ran(struct thread *t) { return t->ran_ticks; }

void timer_init(struct timer *t, void (*fire)(struct timer *))
{
    *t = (struct timer){.fire = fire};
}
bool timer_cancel(struct timer *t)
{
    for (struct timer **at = &set_timers; *at; at = &(*at)->next) {
        if (*at != t) continue;
        *at = t->next;
        return true;
    }
    return false;
}
void timer_set(struct timer *t, uint64_t deadline)
{
    timer_cancel(t);
    t->deadline = deadline;
    t->next = set_timers;
    set_timers = t;
}

static struct timer *due(void)
{
    for (struct timer *t = set_timers; t; t = t->next) {
        if (t->deadline <= now) return t;
    }
    return NULL;
}

/* Time passes a step at a time, and timers fire. */
static void pass(uint64_t ns)
{
    struct timer *t;

    for (uint64_t end = now + ns; now < end;) {
        now += ns / 100 ? ns / 100 : 1;
        while ((t = due())) {
            timer_cancel(t);
            fires++;
            harts[0].preempt++;
            t->fire(t);
            harts[0].preempt--;
        }
    }
}

/* ---- processes ---- */

struct fixture {
    struct process process;
    struct thread threads[TASKS];
    struct task tasks[TASKS];
    struct cred cred;
    unsigned woken[TASKS];
    unsigned kicks;
};
static struct fixture one, parent;
static bool orphaned;
static int told_code, told_status, tellings;

static struct fixture *fixture_of(struct process *p)
{
    return container_of(p, struct fixture, process);
}

void thread_wake(struct thread *t)
{
    struct fixture *f = fixture_of(t->owner);
    f->woken[t - f->threads]++;
}
void process_kick(struct process *p) { fixture_of(p)->kicks++; }

bool process_kill(struct process *p, struct process_end end)
{
    if (p->end.kind != PROCESS_RUNS) return false;
    p->end = end;
    for (unsigned i = 0; i < TASKS; i++) {
        context_set_exit_flags(&fixture_of(p)->threads[i].ctx, EXIT_KILL);
    }
    return true;
}

struct task *process_task(struct process *p, int tid)
{
    for (struct task *t = NULL; (t = signal_next_task(p, t));) {
        if (t->tid == tid) return t;
    }
    return NULL;
}
void process_for_all(void (*fn)(struct process *, void *), void *arg)
{
    fn(&one.process, arg);
    fn(&parent.process, arg);
}
bool family_group_orphaned(int pgid)
{
    (void)pgid;
    return orphaned;
}
void family_child_changed(struct process *child, int code, int status)
{
    (void)child;
    told_code = code;
    told_status = status;
    tellings++;
}
void signalfd_wake(void) {}
int copy_from_user(void *to, vaddr_t from, size_t len)
{
    memcpy(to, (const void *)from.raw, len);
    return 0;
}

/* Who waits lets the test do something, and time pass. */
static void (*while_waiting)(void);

void wait_init(struct wait_queue *q) { *q = (struct wait_queue){0}; }
void wait_begin(struct wait_queue *q, struct waiter *w)
{
    (void)q;
    w->thread = current_thread();
}
void wait_sleep(struct waiter *w)
{
    (void)w;
    assert(this_hart()->ranks == 0 && while_waiting);
    while_waiting();
}
bool wait_sleep_until(struct waiter *w, uint64_t deadline)
{
    if (now < deadline) wait_sleep(w);
    return now < deadline;
}
void wait_end(struct wait_queue *q, struct waiter *w)
{
    (void)q;
    (void)w;
}
void wait_wake_all(struct wait_queue *q) { (void)q; }

/* The program's stack: what was pushed last. */
static struct {
    unsigned pushed;
    bool bad;
    int number;
    struct siginfo info;
    sigset_t mask;
    uint64_t a0, pc;
} frame;

bool frame_push(struct context *c, uint64_t handler, uint64_t flags,
                const struct siginfo *info, sigset_t mask)
{
    (void)flags;
    if (frame.bad) return false;
    frame.pushed++;
    frame.number = info->si_signo;
    frame.info = *info;
    frame.mask = mask;
    frame.a0 = c->x[10];
    frame.pc = c->sepc;
    c->sepc = handler;
    return true;
}
bool frame_pop(struct context *c, sigset_t *mask)
{
    if (frame.bad) return false;
    c->sepc = frame.pc;
    c->x[10] = frame.a0;
    *mask = frame.mask;
    return true;
}
static unsigned faults_said;
void signal_say_fault(const struct context *c, const struct siginfo *info)
{
    (void)c;
    (void)info;
    faults_said++;
}

static void become(struct fixture *f, unsigned task)
{
    this_context = &f->threads[task].ctx;
}

static void make(struct fixture *f, int pid, unsigned ntasks)
{
    memset(f, 0, sizeof(*f));
    f->process.pid = f->process.pgid = pid;
    f->process.started_ns = 1;
    f->cred.uid = 1000;
    for (unsigned i = 0; i < RLIMITS; i++) {
        f->process.limits[i] = (struct rlimit){100, 100};
    }
    list_init(&f->process.threads);
    f->process.signals = signals_create(NULL);
    for (unsigned i = 0; i < ntasks; i++) {
        struct task *t = &f->tasks[i];
        *t = (struct task){.thread = &f->threads[i], .process = &f->process};
        t->tid = pid + (int)i;
        t->cred = &f->cred;
        f->threads[i].task = t;
        f->threads[i].owner = &f->process;
        f->threads[i].ctx.sepc = PC;
        list_push_back(&f->process.threads, &f->threads[i].in_owner);
        task_signals_init(&t->signals, NULL);
    }
}

static void begin(void)
{
    allocations_left = -1;
    live = 0;
    now = 1000;
    set_timers = NULL;
    orphaned = false;
    tellings = 0;
    faults_said = 0;
    while_waiting = NULL;
    memset(&frame, 0, sizeof(frame));
    make(&one, 10, TASKS);
    make(&parent, 5, 1);
    become(&one, 0);
}

static void finish(struct fixture *f)
{
    allocations_left = -1;
    while (!list_empty(&f->process.threads)) {
        struct thread *t = list_entry(f->process.threads.next, struct thread, in_owner);
        this_context = &t->ctx;
        task_signals_leave(t->task);
        list_remove(&t->in_owner);
    }
    signals_close(&f->process);
    signals_destroy(f->process.signals);
}

static void end(void)
{
    finish(&one);
    finish(&parent);
    EXPECT_EQ(live, 0);
    EXPECT(set_timers == NULL);
    EXPECT_EQ(harts[0].ranks, 0);
}

static bool flagged(unsigned task)
{
    return one.threads[task].ctx.exit_flags & EXIT_SIGNAL;
}

/* The running thread goes back to its program. */
static void come_back(void)
{
    for (unsigned i = 0; i < 100 && this_context->exit_flags & EXIT_SIGNAL; i++) {
        if (this_context->exit_flags & EXIT_KILL) return;
        signal_work(this_context);
    }
}

static long set_action(int number, const struct linux_sigaction *a)
{
    return signal_set_action(number, a->handler, a->flags, a->mask, NULL);
}

static void act(int number, uint64_t handler, uint64_t flags)
{
    struct linux_sigaction a = {.handler = handler, .flags = flags};

    EXPECT_EQ(set_action(number, &a), 0);
}

static int send_value(int number, int value)
{
    struct siginfo info = {.si_signo = number, .si_code = SI_QUEUE};

    info.from.value.number = value;
    return signal_send_process(&one.process, &info);
}
static int send(int number) { return send_value(number, 0); }

static int send_to(unsigned task, int number)
{
    struct siginfo info = {.si_signo = number, .si_code = SI_TKILL};

    return signal_send_task(&one.process, one.tasks[task].tid, &info);
}

/* ---- pending ---- */

TEST(a_standard_signal_is_pending_once_and_realtime_signals_queue)
{
    begin();
    act(SIGUSR1, HANDLER, 0);
    act(SIGRTMIN, HANDLER, 0);
    send(SIGUSR1);
    send(SIGUSR1);
    for (int i = 1; i <= 3; i++) {
        send_value(SIGRTMIN, i);
    }
    EXPECT(flagged(0) && !flagged(1));
    signal_work(this_context);
    EXPECT_EQ(frame.number, SIGUSR1);
    for (int i = 1; i <= 3; i++) {
        signal_set_mask(0);
        EXPECT(flagged(0));
        signal_work(this_context);
        EXPECT_EQ(frame.info.from.value.number, i);
    }
    signal_set_mask(0);
    EXPECT(!flagged(0));
    EXPECT_EQ(frame.pushed, 4);
    end();
}

TEST(faults_come_before_others_and_those_of_the_task_before_those_of_the_process)
{
    begin();
    EXPECT_EQ(signal_first(SIGSET(SIGHUP) | SIGSET(SIGSEGV)), SIGSEGV);
    EXPECT_EQ(signal_first(SIGSET(SIGTERM) | SIGSET(SIGHUP) | SIGSET(SIGRTMAX)), SIGHUP);
    act(SIGHUP, HANDLER, 0);
    act(SIGTERM, HANDLER, 0);
    act(SIGSEGV, HANDLER, 0);
    send(SIGHUP);
    send_to(0, SIGTERM);
    signal_force(SIGSEGV, SEGV_MAPERR, VA(0x123));
    signal_work(this_context);
    EXPECT_EQ(frame.number, SIGSEGV);
    signal_work(this_context);
    EXPECT_EQ(frame.number, SIGTERM);
    signal_work(this_context);
    EXPECT_EQ(frame.number, SIGHUP);
    end();
}

TEST(what_is_ignored_is_dropped_unless_it_is_blocked)
{
    begin();
    act(SIGUSR1, SIG_IGN, 0);
    send(SIGUSR1);
    send(SIGCHLD);
    EXPECT_EQ(signal_pending_set(), 0);
    signal_set_mask(SIGSET(SIGUSR1) | SIGSET(SIGCHLD));
    send(SIGUSR1);
    send(SIGCHLD);
    EXPECT_EQ(signal_pending_set(), SIGSET(SIGUSR1) | SIGSET(SIGCHLD));
    EXPECT(!flagged(0));
    act(SIGUSR1, SIG_IGN, 0);
    act(SIGCHLD, SIG_DFL, 0);
    EXPECT_EQ(signal_pending_set(), 0);
    end();
}

TEST(realtime_signals_beyond_the_limit_are_refused_and_others_arrive_without_words)
{
    begin();
    one.process.limits[RLIMIT_SIGPENDING].cur = 2;
    signal_set_mask(~0ul);
    EXPECT_EQ(send(SIGRTMIN), 0);
    EXPECT_EQ(send(SIGRTMIN), 0);
    EXPECT_EQ(send(SIGRTMIN), -EAGAIN);
    EXPECT_EQ(send(SIGTERM), 0);
    EXPECT(signal_pending_set() & SIGSET(SIGTERM));
    end();
}

TEST(signals_survive_running_out_of_memory)
{
    begin();
    act(SIGUSR1, HANDLER, 0);
    act(SIGUSR2, HANDLER, 0);
    act(SIGTERM, HANDLER, 0);
    allocations_left = 0;
    EXPECT_EQ(send_value(SIGRTMIN, 1), -EAGAIN);
    EXPECT_EQ(send_value(SIGUSR2, 1), 0); /* the first has room in any case */
    EXPECT_EQ(send_value(SIGTERM, 1), 0);
    EXPECT_EQ(posix_timer_create(CLOCK_MONOTONIC, NULL), -EAGAIN);
    EXPECT(!signals_create(NULL));
    come_back();
    EXPECT(frame.pushed == 2 && frame.info.from.value.number == 0);
    EXPECT_EQ(send_value(SIGUSR1, 1), 0); /* the room is free again */
    come_back();
    EXPECT(frame.pushed == 3 && frame.info.from.value.number == 1);
    end();
}

/* ---- who ---- */

TEST(a_signal_of_the_process_wakes_a_task_that_does_not_block_it)
{
    begin();
    signal_set_mask(SIGSET(SIGTERM));
    send(SIGTERM);
    EXPECT(!flagged(0) && flagged(1) && !flagged(2));
    EXPECT(one.woken[1] == 1 && one.kicks == 1);
    become(&one, 1);
    come_back();
    EXPECT(one.process.end.kind == PROCESS_SIGNALLED && one.process.end.code == SIGTERM);
    EXPECT_EQ(faults_said, 0);
    end();
}

TEST(who_blocks_a_pending_signal_or_leaves_hands_it_to_another)
{
    begin();
    send(SIGTERM);
    EXPECT(flagged(0) && !flagged(1));
    signal_set_mask(SIGSET(SIGTERM));
    EXPECT(!flagged(0) && flagged(1));
    become(&one, 1);
    task_signals_leave(&one.tasks[1]);
    EXPECT(flagged(2));
    end();
}

TEST(a_signal_to_a_task_that_has_left_finds_nobody)
{
    struct siginfo info = {.si_signo = SIGTERM};

    begin();
    task_signals_leave(&one.tasks[0]);
    EXPECT_EQ(send_to(0, SIGTERM), -ESRCH);
    EXPECT_EQ(signal_send_task(&one.process, 99, &info), -ESRCH);
    EXPECT_EQ(signal_send_group(10, &info), 0);
    EXPECT_EQ(signal_send_group(11, &info), -ESRCH);
    end();
}

TEST(process_1_gets_only_what_it_has_a_handler_for)
{
    begin();
    one.process.pid = 1;
    send(SIGTERM);
    send(SIGKILL);
    send(SIGSTOP);
    EXPECT_EQ(signal_pending_set(), 0);
    signal_set_mask(SIGSET(SIGTERM));
    send(SIGTERM);
    signal_set_mask(0);
    come_back();
    EXPECT_EQ(one.process.end.kind, PROCESS_RUNS);
    act(SIGTERM, HANDLER, 0);
    send(SIGTERM);
    come_back();
    EXPECT_EQ(frame.number, SIGTERM);
    end();
}

TEST(a_kill_ends_the_process_at_once)
{
    begin();
    signal_set_mask(~0ul);
    send(SIGKILL);
    EXPECT(one.process.end.kind == PROCESS_SIGNALLED && one.process.end.code == SIGKILL);
    end();
}

/* ---- actions ---- */

TEST(a_handler_runs_with_the_masks_of_its_action)
{
    struct linux_sigaction a = {HANDLER, 0, SIGSET(SIGTERM) | SIGSET(SIGKILL)};

    begin();
    EXPECT_EQ(set_action(SIGUSR1, &a), 0);
    EXPECT_EQ(signal_get_action(SIGUSR1, &a), 0);
    EXPECT_EQ(a.mask, SIGSET(SIGTERM));
    signal_set_mask(SIGSET(SIGHUP));
    send(SIGUSR1);
    come_back();
    EXPECT_EQ(frame.mask, SIGSET(SIGHUP));
    EXPECT_EQ(one.tasks[0].signals.blocked,
              SIGSET(SIGHUP) | SIGSET(SIGTERM) | SIGSET(SIGUSR1));
    EXPECT(signal_return(this_context));
    EXPECT_EQ(one.tasks[0].signals.blocked, SIGSET(SIGHUP));
    EXPECT_EQ(set_action(SIGKILL, &a), -EINVAL);
    EXPECT_EQ(set_action(SIGSTOP, &a), -EINVAL);
    EXPECT_EQ(signal_get_action(SIGKILL, &a), 0);
    EXPECT_EQ(set_action(0, &a), -EINVAL);
    EXPECT_EQ(set_action(65, &a), -EINVAL);
    end();
}

TEST(an_action_may_not_block_its_signal_or_be_for_once)
{
    struct linux_sigaction a;

    begin();
    act(SIGUSR1, HANDLER, SA_NODEFER | SA_RESETHAND);
    send(SIGUSR1);
    come_back();
    EXPECT_EQ(one.tasks[0].signals.blocked, 0);
    EXPECT_EQ(signal_get_action(SIGUSR1, &a), 0);
    EXPECT_EQ(a.handler, SIG_DFL);
    end();
}

TEST(a_fault_that_is_blocked_or_ignored_ends_the_process)
{
    for (int ignored = 0; ignored < 2; ignored++) {
        begin();
        act(SIGSEGV, ignored ? SIG_IGN : HANDLER, 0);
        if (!ignored) signal_set_mask(SIGSET(SIGSEGV));
        signal_force(SIGSEGV, SEGV_MAPERR, VA(0x123));
        come_back();
        EXPECT(one.process.end.kind == PROCESS_SIGNALLED);
        EXPECT(one.process.end.code == SIGSEGV && faults_said == 1);
        end();
    }
}

TEST(a_frame_that_cannot_be_written_is_a_fault_and_that_of_a_fault_is_the_end)
{
    begin();
    act(SIGUSR1, HANDLER, 0);
    act(SIGSEGV, HANDLER, 0);
    signal_set_mask(SIGSET(SIGHUP));
    signal_mask_begin(SIGSET(SIGTERM));
    send(SIGUSR1);
    frame.bad = true;
    signal_mask_end(-EINTR);
    signal_work(this_context);
    EXPECT_EQ(one.process.end.kind, PROCESS_RUNS);
    EXPECT_EQ(one.tasks[0].signals.blocked, SIGSET(SIGTERM));
    EXPECT(one.tasks[0].signals.restore_saved);
    signal_work(this_context);
    signal_work(this_context);
    EXPECT_EQ(one.process.end.code, SIGSEGV);
    end();
    begin();
    frame.bad = true;
    EXPECT(!signal_return(this_context));
    come_back();
    EXPECT_EQ(one.process.end.code, SIGSEGV);
    end();
}

TEST(a_new_program_keeps_what_is_ignored_and_what_is_pending)
{
    struct linux_sigaction a;

    begin();
    act(SIGUSR1, SIG_IGN, 0);
    act(SIGUSR2, HANDLER, SA_NODEFER);
    signal_set_mask(SIGSET(SIGTERM));
    send_to(0, SIGTERM);
    EXPECT(posix_timer_create(CLOCK_MONOTONIC, NULL) >= 0);
    signals_exec();
    EXPECT_EQ(signal_get_action(SIGUSR1, &a), 0);
    EXPECT_EQ(a.handler, SIG_IGN);
    EXPECT_EQ(signal_get_action(SIGUSR2, &a), 0);
    EXPECT(a.handler == SIG_DFL && a.flags == 0);
    EXPECT_EQ(signal_pending_set(), SIGSET(SIGTERM));
    EXPECT_EQ(posix_timer_overrun(0), -EINVAL);
    end();
}

TEST(a_child_begins_with_the_actions_and_nothing_pending)
{
    begin();
    act(SIGUSR1, SIG_IGN, 0);
    act(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    struct signals *copy = signals_create(&one.process);
    EXPECT_EQ(signals_action(copy, SIGUSR1)->handler, SIG_IGN);
    EXPECT_EQ(signals_action(copy, SIGCHLD)->flags, SA_NOCLDWAIT);
    EXPECT_EQ(signals_action(copy, SIGUSR2)->flags, 0); /* nobody asked for anything */
    EXPECT_EQ(copy->pending.set, 0);
    signals_destroy(copy);
    EXPECT(signal_child_unwanted(&one.process) &&
           !signal_child_unwanted(&parent.process));
    end();
}

/* ---- calls ---- */

static long restarted(const uint64_t args[4]) { return (long)args[0]; }

/* A call of number 63 with first argument 7 returns `result` while a signal is pending. */
static void return_with(long result, uint64_t handler, uint64_t flags)
{
    struct context *c = this_context;

    act(SIGUSR1, handler, flags);
    context_set_exit_flags(c, EXIT_SIGNAL);
    if (handler != SIG_IGN) send(SIGUSR1);
    c->sepc = PC + 4;
    c->x[10] = (uint64_t)result;
    c->x[17] = 63;
    c->call_a0 = 7;
    c->in_call = 1;
    come_back();
    EXPECT(!frame.pushed || signal_return(c));
}

TEST(a_call_that_a_signal_ended_begins_again_or_not_as_its_errno_says)
{
    static const struct {
        long result;
        bool handled;
        uint64_t flags;
        bool again;
        uint64_t number;
    } rows[] = {
        {-ERESTARTSYS, false, 0, true, 63},
        {-ERESTARTSYS, true, SA_RESTART, true, 63},
        {-ERESTARTSYS, true, 0, false, 63},
        {-ERESTARTNOHAND, false, 0, true, 63},
        {-ERESTARTNOHAND, true, SA_RESTART, false, 63},
        {-ERESTART_RESTARTBLOCK, false, 0, true, 128},
        {-ERESTART_RESTARTBLOCK, true, SA_RESTART, false, 63},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        begin();
        return_with(rows[i].result, rows[i].handled ? HANDLER : SIG_IGN, rows[i].flags);
        EXPECT_EQ(this_context->sepc, rows[i].again ? PC : PC + 4);
        EXPECT_EQ(this_context->x[10], rows[i].again ? 7 : (uint64_t)-EINTR);
        EXPECT_EQ(this_context->x[17], rows[i].number);
        EXPECT_EQ(this_context->in_call, 0);
        end();
    }
    begin(); /* any other result stays what it is */
    return_with(-EAGAIN, HANDLER, 0);
    EXPECT(this_context->x[10] == (uint64_t)-EAGAIN && this_context->sepc == PC + 4);
    end();
}

TEST(a_trap_with_such_a_number_in_a0_begins_no_call_again)
{
    begin();
    act(SIGUSR1, HANDLER, SA_RESTART);
    this_context->x[10] = (uint64_t)-ERESTARTSYS;
    send(SIGUSR1);
    come_back();
    EXPECT(frame.a0 == (uint64_t)-ERESTARTSYS && frame.pc == PC);
    end();
}

TEST(what_a_call_waits_for_is_forgotten_once_a_handler_returns)
{
    begin();
    EXPECT_EQ(signal_restart_with((struct restart){restarted, {5}}),
              -ERESTART_RESTARTBLOCK);
    EXPECT_EQ(one.tasks[0].signals.restart.args[0], 5);
    return_with(-ERESTART_RESTARTBLOCK, HANDLER, 0);
    EXPECT(!one.tasks[0].signals.restart.fn);
    end();
}

TEST(the_mask_of_one_call_goes_when_it_is_over_or_after_the_handler)
{
    begin();
    act(SIGUSR1, HANDLER, 0);
    signal_set_mask(SIGSET(SIGUSR1));
    signal_mask_begin(SIGSET(SIGHUP));
    signal_mask_end(0);
    EXPECT_EQ(one.tasks[0].signals.blocked, SIGSET(SIGUSR1));

    signal_mask_begin(SIGSET(SIGHUP));
    send(SIGUSR1);
    EXPECT(signal_pending());
    signal_mask_end(-ERESTARTNOHAND);
    come_back();
    EXPECT_EQ(frame.mask, SIGSET(SIGUSR1));
    EXPECT_EQ(one.tasks[0].signals.blocked, SIGSET(SIGHUP) | SIGSET(SIGUSR1));
    EXPECT(signal_return(this_context));
    EXPECT_EQ(one.tasks[0].signals.blocked, SIGSET(SIGUSR1));

    signal_mask_begin(0); /* another task was faster */
    signal_mask_end(-EINTR);
    come_back();
    EXPECT_EQ(one.tasks[0].signals.blocked, SIGSET(SIGUSR1));
    EXPECT(!flagged(0));
    end();
}

static void send_what_is_awaited(void)
{
    EXPECT_EQ(send_value(SIGUSR1, 3), 0);
    EXPECT(flagged(0) || flagged(1));
}
static void send_something_else(void) { send(SIGTERM); }
static void let_time_pass(void) { now += 10 * MS; }

TEST(a_blocked_signal_can_be_waited_for)
{
    struct siginfo info;

    begin();
    for (unsigned i = 0; i < TASKS; i++) {
        become(&one, i);
        signal_set_mask(SIGSET(SIGUSR1));
    }
    act(SIGTERM, HANDLER, 0);
    become(&one, 1);
    while_waiting = send_what_is_awaited;
    EXPECT_EQ(signal_wait(SIGSET(SIGUSR1), now + MS, &info), SIGUSR1);
    EXPECT_EQ(info.from.value.number, 3);
    EXPECT(!flagged(1) && one.tasks[1].signals.awaited == 0);
    while_waiting = let_time_pass;
    EXPECT_EQ(signal_wait(SIGSET(SIGUSR1), now + MS, &info), -EAGAIN);
    become(&one, 0);
    while_waiting = send_something_else;
    EXPECT_EQ(signal_wait(SIGSET(SIGUSR1), now + MS, &info), -EINTR);
    while_waiting = NULL;
    send(SIGUSR1);
    EXPECT_EQ(signal_wait(SIGSET(SIGUSR1), now, &info), SIGUSR1);
    EXPECT_EQ(signal_take(~0ul, &info), SIGTERM);
    EXPECT_EQ(signal_take(~0ul, &info), 0);
    end();
}

/* ---- stops ---- */

static void go_on(void) { send(SIGCONT); }
static void be_killed(void) { send(SIGKILL); }

/* All tasks but the first have parked; it does, and then goes on. */
static void others_park(void)
{
    for (unsigned i = 1; i < TASKS; i++) {
        one.tasks[i].signals.parked = true;
    }
}

TEST(a_process_stops_when_its_last_task_has_parked_and_tells_its_parent)
{
    begin();
    send(SIGTSTP);
    signal_work(this_context);
    for (unsigned i = 0; i < TASKS; i++) {
        EXPECT(flagged(i));
    }
    EXPECT(!process_is_stopped(&one.process));
    others_park();
    while_waiting = go_on;
    signal_work(this_context);
    EXPECT_EQ(tellings, 2);
    EXPECT(told_code == CLD_CONTINUED && told_status == SIGCONT);
    become(&parent, 0);
    EXPECT_EQ(signal_pending_set(), 0); /* its action is to ignore it */
    become(&one, 0);
    one.tasks[1].signals.parked = one.tasks[2].signals.parked = false;
    become(&one, 1);
    stop_park(); /* too late: it does not wait, and has nothing to tell */
    EXPECT_EQ(tellings, 2);
    come_back();
    EXPECT_EQ(one.process.end.kind, PROCESS_RUNS);
    end();
}

static void look_and_go_on(void)
{
    EXPECT(!process_is_stopped(&one.process) && tellings == 0);
    send(SIGCONT);
}

TEST(a_process_has_not_stopped_while_one_of_its_tasks_runs)
{
    begin();
    send(SIGSTOP);
    signal_work(this_context);
    others_park();
    one.tasks[2].signals.parked = false;
    while_waiting = look_and_go_on;
    signal_work(this_context);
    EXPECT_EQ(tellings, 0);
    end();
}

TEST(the_task_that_leaves_may_be_the_last_that_had_to_park)
{
    begin();
    send(SIGSTOP);
    signal_work(this_context);
    others_park();
    EXPECT_EQ(tellings, 0);
    task_signals_leave(&one.tasks[0]);
    EXPECT(tellings == 1 && told_code == CLD_STOPPED && told_status == SIGSTOP);
    EXPECT(process_is_stopped(&one.process));
    end();
}

TEST(a_parent_wants_to_hear_of_stops_unless_it_says_otherwise)
{
    begin();
    EXPECT(signal_wants_stops(&one.process));
    act(SIGCHLD, HANDLER, SA_NOCLDSTOP);
    EXPECT(!signal_wants_stops(&one.process));
    act(SIGCHLD, SIG_IGN, 0);
    EXPECT(!signal_wants_stops(&one.process));
    end();
}

TEST(a_kill_ends_a_stop)
{
    begin();
    send(SIGSTOP);
    signal_work(this_context);
    others_park();
    while_waiting = be_killed;
    come_back();
    EXPECT_EQ(one.process.end.code, SIGKILL);
    end();
}

TEST(stops_and_sigcont_throw_each_other_away)
{
    begin();
    signal_set_mask(~0ul);
    send(SIGTSTP);
    send_to(0, SIGTTIN);
    send(SIGCONT);
    EXPECT_EQ(signal_pending_set(), SIGSET(SIGCONT));
    send(SIGTTOU);
    EXPECT_EQ(signal_pending_set(), SIGSET(SIGTTOU));
    end();
}

TEST(an_orphaned_group_is_stopped_by_sigstop_alone)
{
    begin();
    orphaned = true;
    send(SIGTSTP);
    come_back();
    EXPECT_EQ(one.process.signals->stop, 0);
    send(SIGSTOP);
    signal_work(this_context);
    EXPECT_EQ(one.process.signals->stop, SIGSTOP);
    send(SIGCONT);
    end();
}

/* ---- timers ---- */

static int make_timer(int clock, int notify, int number)
{
    struct linux_sigevent e = {.signo = number, .notify = notify, .tid = 11};

    e.value.number = 99;
    return posix_timer_create(clock, &e);
}

static void arm(int id, uint64_t value, uint64_t interval)
{
    struct posix_timer_setting new = {value, interval}, old;

    EXPECT_EQ(posix_timer_set(id, false, &new, &old), 0);
}

TEST(a_timer_sends_its_signal_once_and_counts_what_it_could_not_send)
{
    begin();
    act(SIGRTMIN, HANDLER, 0);
    signal_set_mask(SIGSET(SIGRTMIN));
    int id = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN);
    EXPECT(id >= 0);
    arm(id, MS, MS);
    pass(10 * MS + MS / 2);
    EXPECT_EQ(one.process.signals->queued, 1);
    signal_set_mask(0);
    come_back();
    EXPECT_EQ(frame.pushed, 1);
    EXPECT_EQ(frame.info.si_code, SI_TIMER);
    EXPECT_EQ(frame.info.timer.value.number, 99);
    EXPECT_EQ(frame.info.timer.overrun, 9);
    EXPECT_EQ(posix_timer_overrun(id), 9);
    signal_set_mask(0);
    pass(MS);
    come_back();
    EXPECT(frame.pushed == 2 && frame.info.timer.overrun == 0);
    signal_set_mask(0);
    now += 10 * MS; /* the machine had no time for its timers */
    pass(MS / 50);
    come_back();
    EXPECT(frame.pushed == 3 && frame.info.timer.overrun >= 8);
    EXPECT_EQ(posix_timer_delete(id), 0);
    EXPECT_EQ(posix_timer_delete(id), -EINVAL);
    end();
}

TEST(a_timer_that_goes_takes_its_signal_back)
{
    begin();
    signal_set_mask(SIGSET(SIGALRM) | SIGSET(SIGRTMIN));
    int a = posix_timer_create(CLOCK_MONOTONIC, NULL);
    int b = make_timer(CLOCK_REALTIME, SIGEV_THREAD_ID, SIGRTMIN);
    EXPECT(a >= 0 && b >= 0 && a != b);
    arm(a, MS, 0);
    arm(b, MS, 0);
    one.tasks[1].signals.blocked = SIGSET(SIGRTMIN);
    pass(2 * MS);
    EXPECT_EQ(one.process.signals->pending.set, SIGSET(SIGALRM));
    EXPECT_EQ(one.tasks[1].signals.pending.set, SIGSET(SIGRTMIN));
    EXPECT_EQ(posix_timer_delete(a), 0);
    EXPECT_EQ(one.process.signals->pending.set, 0);
    arm(b, MS, 0);
    EXPECT_EQ(one.tasks[1].signals.pending.set, 0);
    end(); /* with a timer that is armed */
}

TEST(the_signal_of_a_timer_may_be_dropped_with_the_task_it_is_for)
{
    begin();
    int id = make_timer(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN);
    one.tasks[1].signals.blocked = SIGSET(SIGRTMIN);
    arm(id, MS, MS);
    pass(2 * MS);
    task_signals_leave(&one.tasks[1]);
    pass(5 * MS);
    EXPECT_EQ(one.process.signals->pending.set, 0);
    end();
}

TEST(timers_that_cannot_be_are_refused)
{
    struct posix_timer_setting s;

    begin();
    EXPECT_EQ(make_timer(CLOCK_MONOTONIC, 9, SIGALRM), -EINVAL);
    EXPECT_EQ(make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65), -EINVAL);
    EXPECT_EQ(make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0), -EINVAL);
    EXPECT_EQ(make_timer(CLOCK_MONOTONIC_RAW, SIGEV_SIGNAL, SIGALRM), -EOPNOTSUPP);
    EXPECT_EQ(make_timer(77, SIGEV_SIGNAL, SIGALRM), -EINVAL);
    EXPECT_EQ(posix_timer_get(0, &s), -EINVAL);
    one.process.limits[RLIMIT_SIGPENDING].cur = 0;
    EXPECT_EQ(make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGALRM), -EAGAIN);
    end();
}

TEST(a_timer_without_signal_only_counts_down)
{
    struct posix_timer_setting s;

    begin();
    int id = make_timer(CLOCK_MONOTONIC, SIGEV_NONE, 0);
    arm(id, 10 * MS, 0);
    pass(4 * MS);
    EXPECT_EQ(posix_timer_get(id, &s), 0);
    EXPECT(s.value <= 6 * MS && s.value > 5 * MS && s.interval == 0);
    pass(10 * MS);
    EXPECT_EQ(posix_timer_get(id, &s), 0);
    EXPECT_EQ(s.value, 0);
    EXPECT_EQ(signal_pending_set(), 0);
    end();
}

TEST(the_interval_timer_sends_again_and_again)
{
    const struct itimer_setting each = {MS, 2 * MS}, off = {0, 0};
    struct itimer_setting old;

    begin();
    act(SIGALRM, HANDLER, SA_NODEFER);
    itimer_set(ITIMER_REAL, &each, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        pass(2 * MS);
        come_back();
        EXPECT_EQ(frame.pushed, i);
    }
    itimer_set(ITIMER_REAL, &off, &old);
    EXPECT(old.left > 0 && old.left <= 2 * MS && old.interval == 2 * MS);
    pass(10 * MS);
    come_back();
    EXPECT_EQ(frame.pushed, 3);
    end();
}

TEST(a_timer_by_processor_time_waits_until_it_has_been_used)
{
    const struct itimer_setting once = {5 * MS, 0};

    begin();
    act(SIGPROF, HANDLER, 0);
    itimer_set(ITIMER_PROF, &once, NULL);
    pass(100 * MS);
    come_back();
    EXPECT_EQ(frame.pushed, 0);
    one.threads[1].ran_ticks = 2 * MS;
    one.threads[2].ran_ticks = 2 * MS;
    pass(20 * MS);
    come_back();
    EXPECT_EQ(frame.pushed, 0);
    one.process.usage.system_ns = 2 * MS; /* of a task that has left */
    pass(20 * MS);
    come_back();
    EXPECT_EQ(frame.number, SIGPROF);
    end();
}

TEST(no_interval_is_too_short)
{
    const struct itimer_setting tiny = {1, 1};

    begin();
    signal_set_mask(SIGSET(SIGALRM));
    itimer_set(ITIMER_REAL, &tiny, NULL);
    fires = 0;
    pass(MS);
    EXPECT_EQ(signal_pending_set(), SIGSET(SIGALRM));
    EXPECT(fires > 5 && fires < 50);
    end();
}

TEST(a_kill_by_a_timer_ends_the_process_on_its_way_back)
{
    begin();
    int id = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGKILL);
    arm(id, MS, 0);
    pass(2 * MS);
    for (unsigned i = 0; i < TASKS; i++) {
        EXPECT(flagged(i));
    }
    become(&one, 2);
    come_back();
    EXPECT_EQ(one.process.end.code, SIGKILL);
    end();
}
