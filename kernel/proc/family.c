/*
 * See family.h.
 *
 * Numbers are handed out in turn, so that one that was just given back is not used again
 * soon; a bit says which are taken. A group or a session may outlive the process whose number
 * it has: that can only matter once the numbers have gone round.
 *
 * Groups and sessions are numbers in processes and nothing else: who wants their members looks at
 * all processes. There are few of them, and such questions are asked at the pace of people.
 *
 *     process 1 --- children --- shell --- children --- job, job (a zombie)
 *                                            each child holds a reference of its own: the
 *                                            parent's, given back when it has waited for it
 */
#include "proc/family.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "proc/internal.h"
#include "proc/task.h"
#include "tty/tty.h"
#include "uapi/time.h"
#include "uapi/wait.h"

struct spinlock families_lock;

static uint64_t taken[PID_MOST / 64]; /* under families_lock; so is all that follows */
static int last_number;
static uint64_t numbers;
static bool gone_round;

enum { BUCKETS = 256 };
static struct list processes[BUCKETS], tasks[BUCKETS]; /* by number; NULL links: empty */
static struct process *first;                          /* process 1; not held */

static void lock(void) { spin_lock(&families_lock, RANK_PROCESSES); }
static void unlock(void) { spin_unlock(&families_lock, RANK_PROCESSES); }

static bool has_group(struct process *p, int n) { return p->pgid == n; }

static bool has_name(struct process *p, int n) { return p->pgid == n || p->sid == n; }

int number_take(void)
{
    int found = -EAGAIN;

    lock();
    for (int tried = 0; tried < PID_MOST - 1 && found < 0; tried++) {
        if (++last_number == PID_MOST) {
            last_number = 1;
            gone_round = true;
        }
        uint64_t bit = 1ul << last_number % 64;
        if (taken[last_number / 64] & bit) continue;
        if (gone_round && process_any(has_name, last_number)) continue;
        taken[last_number / 64] |= bit;
        found = last_number;
        numbers++;
    }
    unlock();
    return found;
}

uint64_t numbers_taken(int *last)
{
    lock();
    uint64_t n = numbers;
    *last = last_number;
    unlock();
    return n;
}

void number_give(int n)
{
    lock();
    taken[n / 64] &= ~(1ul << n % 64);
    unlock();
}

static struct list *bucket(struct list *table, int number)
{
    struct list *b = &table[(unsigned)number % BUCKETS];

    if (!b->next) list_init(b);
    return b;
}

static struct process *find(int pid)
{
    struct list *it;

    list_for_each (it, bucket(processes, pid)) {
        struct process *p = list_entry(it, struct process, by_number);
        if (p->pid == pid) return p;
    }
    return NULL;
}

static struct task *find_task(int tid)
{
    struct list *it;

    list_for_each (it, bucket(tasks, tid)) {
        struct task *t = list_entry(it, struct task, by_number);
        if (t->tid == tid) return t;
    }
    return NULL;
}

/* Who is in the tables has a reference of its parent or of itself, so it can be held. */
struct process *process_find(int pid)
{
    lock();
    struct process *p = find(pid);
    if (p) process_get(p);
    unlock();
    return p;
}

struct process *process_find_by_task(int tid)
{
    lock();
    struct task *t = find_task(tid);
    struct process *p = t ? t->process : NULL;
    if (p) process_get(p);
    unlock();
    return p;
}

struct task *process_task(struct process *p, int tid)
{
    struct list *it;

    list_for_each (it, &p->threads) {
        struct task *t = list_entry(it, struct thread, in_owner)->task;
        if (t && t->tid == tid) return t;
    }
    return NULL;
}

struct process *family_parent(struct process *p)
{
    lock();
    struct process *parent = p->parent;
    if (parent) process_get(parent);
    unlock();
    return parent;
}

/* `parent` NULL: it has none any more. */
static void set_parent(struct process *p, struct process *parent)
{
    p->parent = parent;
    __atomic_store_n(&p->parent_pid, parent ? parent->pid : 0, __ATOMIC_RELAXED);
    if (parent) list_push_back(&parent->children, &p->sibling);
}

void family_enter(struct process *p, struct process *parent, int exit_signal)
{
    lock();
    list_init(&p->children);
    list_init(&p->sibling);
    p->exit_signal = exit_signal;
    if (parent) {
        process_get(p);
        set_parent(p, parent);
        p->pgid = parent->pgid;
        p->sid = parent->sid;
        p->tty = parent->tty;
        if (p->tty) tty_get(p->tty);
    } else {
        first = p;
    }
    list_push_back(bucket(processes, p->pid), &p->by_number);
    unlock();
}

void family_enter_task(struct task *t)
{
    lock();
    list_push_back(bucket(tasks, t->tid), &t->by_number);
    unlock();
}

void family_leave_task(struct task *t)
{
    lock();
    list_remove(&t->by_number);
    list_init(&t->by_number);
    unlock();
}

void family_rename_task(struct task *t)
{
    int before = t->tid;

    if (before == t->process->pid) return;
    family_leave_task(t);
    number_give(before);
    t->tid = t->process->pid;
    family_enter_task(t);
}

/* Whose children the children of `p` become. */
static struct process *guardian(const struct process *p)
{
    struct process *g = p->parent;

    while (g && !(g->flags & PROCESS_SUBREAPER && !process_is_over(g))) {
        g = g->parent;
    }
    return g ? g : first;
}

/* The signal that a task of p wants when its parent ends, once; 0: none does. */
static int take_death_signal(struct process *p)
{
    struct list *it;
    int number = 0;

    spin_lock(&p->lock, RANK_PROCESS);
    list_for_each (it, &p->threads) {
        struct task *t = list_entry(it, struct thread, in_owner)->task;
        if (number == 0 && t)
            number = __atomic_exchange_n(&t->parent_death_signal, 0, __ATOMIC_RELAXED);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return number;
}

/* A child that wants one, held, and the signal; NULL: none does any more. */
static struct process *next_to_tell(struct process *p, int *number)
{
    struct process *child = NULL;
    struct list *it;

    lock();
    list_for_each (it, &p->children) {
        child = list_entry(it, struct process, sibling);
        *number = take_death_signal(child);
        if (*number) break;
    }
    bool found = it != &p->children;
    if (found) process_get(child);
    unlock();
    return found ? child : NULL;
}

void family_tell_children(struct process *p)
{
    struct process *child;
    int number;

    while ((child = next_to_tell(p, &number)) != NULL) {
        signal_kernel_process(child, number);
        process_put(child);
    }
}

/* Has p a parent in its session, but not in its group? That keeps its group. Process 1, which
 * adopts anybody, keeps none. */
static bool is_bound(const struct process *p)
{
    const struct process *parent = p->parent;

    if (!parent || parent == first) return false;
    return parent->pgid != p->pgid && parent->sid == p->sid;
}

static bool in_group_and_kept(struct process *p, int pgid)
{
    return p->pgid == pgid && is_bound(p) && !process_is_over(p);
}

static bool in_group_and_stopped(struct process *p, int pgid)
{
    return p->pgid == pgid && process_is_stopped(p);
}

/* Nobody is left who would let go on what is stopped there. */
static bool is_left_stopped(int pgid)
{
    return !process_any(in_group_and_kept, pgid) &&
           process_any(in_group_and_stopped, pgid);
}

/* What POSIX has for a group that has just become orphaned (_exit(2)). No lock is held. */
static void let_go_on(int pgid)
{
    if (pgid == 0) return;
    signal_kernel_group(pgid, SIGHUP);
    signal_kernel_group(pgid, SIGCONT);
}

/* The first child of p, which leaves, gets another parent: who is to be told that it is over
 * already, held, or NULL. *left_stopped: a group that p was the last to keep, or 0. */
static struct process *hand_over_child(struct process *p, int *left_stopped)
{
    struct process *child = list_entry(p->children.next, struct process, sibling);
    struct process *g = guardian(p);
    bool was_bound = is_bound(child);

    list_remove(&child->sibling);
    if (g == p || !g) { /* process 1 goes, and the machine with it */
        list_init(&child->sibling);
        set_parent(child, NULL);
        return NULL;
    }
    set_parent(child, g);
    child->exit_signal = SIGCHLD;
    if (was_bound && is_left_stopped(child->pgid)) *left_stopped = child->pgid;
    if (!child->waitable) return NULL;
    process_get(g);
    return g;
}

void family_orphan_children(struct process *p)
{
    for (bool more = true; more;) {
        struct process *told = NULL;
        int left_stopped = 0;
        lock();
        more = !list_empty(&p->children);
        if (more) told = hand_over_child(p, &left_stopped);
        unlock();
        let_go_on(left_stopped);
        if (!told) continue;
        wait_wake_all(&told->child_events);
        signal_kernel_process(told, SIGCHLD);
        process_put(told);
    }
}

/* The group of p, which is over, if p was the last to keep it and others are stopped there. */
static int group_left_stopped(struct process *p)
{
    lock();
    bool left = is_bound(p) && is_left_stopped(p->pgid);
    unlock();
    return left ? p->pgid : 0;
}

/* Nobody will ask for it any more. The reference of the parent is the caller's now. */
static void forget(struct process *p)
{
    list_remove(&p->by_number);
    list_init(&p->by_number);
    if (!p->parent) return;
    list_remove(&p->sibling);
    list_init(&p->sibling);
    set_parent(p, NULL);
}

static struct siginfo news_of(const struct process *p, int code, int status)
{
    const uint64_t tick = 1000000000 / USER_HZ;
    struct siginfo info = {.si_signo = SIGCHLD, .si_code = code};

    info.child.pid = p->pid;
    info.child.uid = p->last_uid;
    info.child.status = status;
    info.child.utime = (int64_t)(p->usage.user_ns / tick);
    info.child.stime = (int64_t)(p->usage.system_ns / tick);
    return info;
}

static int code_of_end(const struct process *p)
{
    return p->end.kind == PROCESS_EXITED ? CLD_EXITED : CLD_KILLED;
}

/*
 * The parent finds its child when it waits, and the signal pending, at one moment: else a wait
 * that has just told of a child could be followed by one that the child's signal ends.
 */
void family_over(struct process *p)
{
    struct siginfo info = news_of(p, code_of_end(p), process_end_status(&p->end));

    let_go_on(group_left_stopped(p));
    lock();
    struct process *parent = p->parent;
    bool unwanted = parent && p->exit_signal == SIGCHLD && signal_child_unwanted(parent);
    info.si_signo = p->exit_signal;
    if (parent) {
        process_get(parent);
        if (info.si_signo) signal_send_process(parent, &info);
    }
    if (!parent || unwanted) {
        forget(p);
    } else {
        p->waitable = true;
    }
    unlock();
    if (!parent) return;
    wait_wake_all(&parent->child_events);
    if (unwanted) process_put(p);
    process_put(parent);
}

void family_child_changed(struct process *child, int code, int status)
{
    struct siginfo info = news_of(child, code, status);

    info.child.uid = current_cred()->uid;
    lock();
    struct process *parent = child->parent;
    child->event_code = code;
    child->event_status = status;
    if (parent) {
        process_get(parent);
        if (signal_wants_stops(parent)) signal_send_process(parent, &info);
    }
    unlock();
    if (!parent) return;
    wait_wake_all(&parent->child_events);
    process_put(parent);
}

int process_end_status(const struct process_end *end)
{
    switch (end->kind) {
    case PROCESS_EXITED:
    case PROCESS_SIGNALLED:
        return end->code;
    case PROCESS_TRAPPED:
        return SIGSEGV;
    default:
        return SIGKILL;
    }
}

static bool wanted(const struct process *p, const struct wait_request *r)
{
    switch (r->which) {
    case WAIT_PID:
        return p->pid == r->number;
    case WAIT_GROUP:
        return p->pgid == r->number;
    default:
        return true;
    }
}

static void tell_usage(struct process *p, struct usage *out)
{
    spin_lock(&p->lock, RANK_PROCESS);
    *out = p->usage;
    usage_add(out, &p->children_usage);
    spin_unlock(&p->lock, RANK_PROCESS);
}

/* Has p something to tell that was asked for? Then it is told, and gone for ever with WNOWAIT not
 * asked for: `gone` is the process to put afterwards. */
static bool tell(struct process *p, const struct wait_request *r, struct wait_result *out,
                 struct process **gone)
{
    bool keep = r->options & WNOWAIT;

    if (p->waitable && r->options & WEXITED) {
        out->code = code_of_end(p);
        out->status = process_end_status(&p->end);
        if (!keep) *gone = p;
    } else if (p->event_code == CLD_STOPPED && r->options & WSTOPPED) {
        out->code = p->event_code;
        out->status = p->event_status;
        if (!keep) p->event_code = 0;
    } else if (p->event_code == CLD_CONTINUED && r->options & WCONTINUED) {
        out->code = p->event_code;
        out->status = p->event_status;
        if (!keep) p->event_code = 0;
    } else {
        return false;
    }
    out->pid = p->pid;
    out->uid = p->last_uid;
    tell_usage(p, &out->usage);
    if (*gone) forget(p);
    return true;
}

/* 1: *out is filled in; 0: nobody has anything to tell; -ECHILD. */
static int ask_children(struct process *parent, const struct wait_request *r,
                        struct wait_result *out, struct process **gone)
{
    int result = -ECHILD;
    struct list *it;

    lock();
    list_for_each (it, &parent->children) {
        struct process *p = list_entry(it, struct process, sibling);
        if (!wanted(p, r)) continue;
        result = tell(p, r, out, gone);
        if (result) break;
    }
    unlock();
    return result;
}

static int wait_for_child(struct process *self, const struct wait_request *r,
                          struct wait_result *out, struct process **gone)
{
    struct waiter w;
    int got;

    wait_begin(&self->child_events, &w);
    for (;;) {
        got = ask_children(self, r, out, gone);
        if (got != 0 || r->options & WNOHANG) break;
        if (signal_pending()) {
            got = -ERESTARTSYS;
            break;
        }
        wait_sleep(&w);
    }
    wait_end(&self->child_events, &w);
    return got;
}

int family_wait(const struct wait_request *request, struct wait_result *out)
{
    struct process *self = current_process(), *gone = NULL;

    out->pid = 0;
    int got = wait_for_child(self, request, out, &gone);
    if (got < 0) return got;
    if (gone) {
        spin_lock(&self->lock, RANK_PROCESS);
        usage_add(&self->children_usage, &out->usage);
        spin_unlock(&self->lock, RANK_PROCESS);
        process_put(gone);
    }
    return 0;
}

/* Self, or a child. families_lock is held. */
static struct process *self_or_find(int pid)
{
    return pid == 0 ? current_process() : find(pid);
}

static bool group_is_in_session(int pgid, int sid)
{
    struct list *it;

    for (unsigned i = 0; i < BUCKETS; i++) {
        list_for_each (it, bucket(processes, (int)i)) {
            const struct process *p = list_entry(it, struct process, by_number);
            if (p->pgid == pgid && p->sid == sid) return true;
        }
    }
    return false;
}

static struct process *member(int pgid)
{
    struct list *it;

    for (unsigned i = 0; i < BUCKETS; i++) {
        list_for_each (it, bucket(processes, (int)i)) {
            struct process *p = list_entry(it, struct process, by_number);
            if (p->pgid == pgid) return p;
        }
    }
    return NULL;
}

int family_session_of_group(int pgid)
{
    lock();
    const struct process *p = member(pgid);
    int sid = p ? p->sid : -ESRCH;
    unlock();
    return sid;
}

static int check_group(const struct process *p, int pgid)
{
    const struct process *self = current_process();

    if (p != self && p->parent != self) return -ESRCH;
    if (p != self && p->sid != self->sid) return -EPERM;
    if (p != self && p->flags & PROCESS_EXECED) return -EACCES;
    if (p->sid == p->pid) return -EPERM;
    if (pgid != p->pid && !group_is_in_session(pgid, p->sid)) return -EPERM;
    return 0;
}

int family_set_group(int pid, int pgid)
{
    if (pgid < 0) return -EINVAL;
    lock();
    struct process *p = self_or_find(pid);
    int err = p ? check_group(p, pgid ? pgid : p->pid) : -ESRCH;
    if (!err) p->pgid = pgid ? pgid : p->pid;
    unlock();
    return err;
}

int family_new_session(void)
{
    struct process *self = current_process();

    lock();
    struct tty *before = NULL;
    int err = process_any(has_group, self->pid) ? -EPERM : 0;
    if (!err) {
        self->pgid = self->sid = self->pid;
        before = self->tty;
        self->tty = NULL;
    }
    unlock();
    if (before) tty_put(before);
    return err ? err : self->pid;
}

int family_group_of(int pid)
{
    lock();
    const struct process *p = self_or_find(pid);
    int pgid = p ? p->pgid : -ESRCH;
    unlock();
    return pgid;
}

int family_session_of(int pid)
{
    lock();
    const struct process *p = self_or_find(pid);
    int sid = p ? p->sid : -ESRCH;
    unlock();
    return sid;
}

bool family_group_orphaned(int pgid)
{
    lock();
    bool kept = process_any(in_group_and_kept, pgid);
    unlock();
    return !kept;
}
