/*
 * How processes begin and end.
 *
 * Everything a process needs is there before its first thread starts, so that creating
 * one either works or leaves nothing behind. Ending needs no memory.
 *
 *     the thread's way out                         who waits
 *       into the kernel's own space
 *       off the list, it is `last` now
 *       frees the one that was `last`
 *       if the list is empty:
 *         the program goes, and its space with it if nobody shares it
 *         over = 1 (release), wake   ----------->  reads over (acquire)
 *       process_put()                              joins `last`: its stack is left
 *       thread_exit()                              reads the reason
 *
 * So each waits for the one before, and who waits for the process has waited for all.
 */
#include "proc/process.h"

#include "lib/errno.h"
#include "lib/name.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/family.h"
#include "proc/internal.h"
#include "proc/task.h"
#include "sched/timer.h"

static struct list all = {&all, &all}; /* under families_lock */

static void enter_list(struct process *p)
{
    spin_lock(&families_lock, RANK_PROCESSES);
    list_push_back(&all, &p->all);
    spin_unlock(&families_lock, RANK_PROCESSES);
}

void process_set_name(struct process *p, const char *name)
{
    name_set(p->name, sizeof(p->name), name);
}

struct process *process_create(const char *name, const struct personality *how)
{
    struct program *program = program_create();

    return program ? process_create_with(name, how, program) : NULL;
}

struct process *process_create_with(const char *name, const struct personality *how,
                                    struct program *program)
{
    struct process *p = kzalloc(sizeof(*p) + how->data_size);
    int pid = p ? number_take() : -ENOMEM;

    if (pid < 0) {
        kfree(p);
        program_put(program);
        return NULL;
    }
    p->pid = pid;
    p->program = program;
    p->personality = how;
    p->refs = 1;
    list_init(&p->threads);
    wait_init(&p->waiters);
    process_set_name(p, name);
    enter_list(p);
    return p;
}

/* Where the kernel thread begins that becomes the program's. */
static void begin(void *process)
{
    thread_enter_space(process_space(process));
    user_enter();
}

int process_add_thread(struct process *p, vaddr_t pc, vaddr_t sp)
{
    struct thread *t = thread_create(p->name, begin, p);

    if (!t) return -ENOMEM;
    context_init_user(&t->ctx, pc, sp);
    t->ctx.calls = p->personality->calls;
    context_set_entry_flags(&t->ctx, p->personality->entry_flags);
    t->owner = p;
    spin_lock(&p->lock, RANK_PROCESS);
    list_push_back(&p->threads, &t->in_owner);
    p->nthreads++;
    spin_unlock(&p->lock, RANK_PROCESS);
    return 0;
}

static struct elf_limits limits_of(const struct personality *how)
{
    return (struct elf_limits){how->lowest, va_add(how->stack.start, -PAGE_SIZE)};
}

static uint64_t bias_of(const struct elf *elf, const struct personality *how)
{
    return elf->type == ELF_DYN ? how->movable.raw - va_floor(elf->start).raw : 0;
}

/* Maps the program and its stack, and makes its thread. On error p is half made. */
static int fill(struct process *p, const struct process_image *image,
                const struct elf *elf)
{
    static const struct mapping_source anonymous = {0};
    const struct personality *how = p->personality;
    uint64_t bias = bias_of(elf, how);

    int err = elf_load(process_space(p), elf, image->bytes, image->pa, bias);
    if (err) return err;
    err = aspace_map(process_space(p), how->stack, PROT_RW, &anonymous);
    if (err) return err;
    p->entry = va_add(elf->entry, bias);
    err = process_add_thread(p, p->entry, how->stack.end);
    if (err) return err;
    if (how->loaded) how->loaded(p, elf, bias);
    return 0;
}

static int create(const struct process_image *image, const struct personality *how,
                  struct elf *elf, struct process **out)
{
    int err = elf_parse(image->bytes, image->len, limits_of(how), elf);
    if (err) return err;

    struct process *p = process_create(image->name, how);
    if (!p) return -ENOMEM;
    err = fill(p, image, elf);
    if (err) {
        process_put(p);
        return err;
    }
    *out = p;
    return 0;
}

int process_create_elf(const struct process_image *image, const struct personality *how,
                       struct process **out, const char **reason)
{
    struct elf *elf = kzalloc(sizeof(*elf));

    *reason = "there is no memory";
    if (!elf) return -ENOMEM;
    int err = create(image, how, elf, out);
    if (elf->reason) {
        *reason = elf->reason;
    } else if (err != -ENOMEM) {
        *reason = "its segments cannot be mapped";
    }
    kfree(elf);
    return err;
}

void process_start(struct process *p)
{
    struct list *it;

    /* Those that have begun cannot leave, and take the list with them, meanwhile. */
    spin_lock(&p->lock, RANK_PROCESS);
    p->started_ns = clock_ns();
    list_for_each (it, &p->threads) {
        process_get(p);
        thread_start(list_entry(it, struct thread, in_owner));
    }
    spin_unlock(&p->lock, RANK_PROCESS);
}

/* Waits until `t`, which is on its way out, has left its stack. Its own reference goes last,
 * right after the switch away from it, so that ours is the only one then. */
static void wait_off_stack(struct thread *t)
{
    thread_join(t);
    while (__atomic_load_n(&t->refs, __ATOMIC_ACQUIRE) > 1) {
        cpu_relax();
    }
}

/*
 * Between the moment when a process has no program any more, and cannot be seen to have much, and
 * the one when its memory is there, it is on its way. Both counters are written with
 * process.lock of the leaver held, or after it: who saw that a process has no program sees that
 * it has begun.
 */
static struct {
    uint32_t begun, done; /* atomic; they wrap */
    struct wait_queue waiters;
} leaving;

uint32_t process_memory_given(void)
{
    return __atomic_load_n(&leaving.done, __ATOMIC_ACQUIRE);
}

bool process_await_memory(uint32_t given)
{
    uint32_t begun = __atomic_load_n(&leaving.begun, __ATOMIC_ACQUIRE);

    if (begun == given) return false;
    wait_until(&leaving.waiters, process_memory_given() != given || current_must_leave());
    return true;
}

/* Takes the running thread off the list; the one that left before it is in *before. The program
 * is for the last to give back; NULL for others. */
static struct program *leave_list(struct process *p, struct thread *self,
                                  struct thread **before)
{
    struct program *program = NULL;

    spin_lock(&p->lock, RANK_PROCESS);
    *before = p->last;
    p->last = self;
    list_remove(&self->in_owner);
    unsigned left = p->nthreads - 1;
    __atomic_store_n(&p->nthreads, left, __ATOMIC_RELEASE);
    if (left == 0) {
        __atomic_fetch_add(&leaving.begun, 1, __ATOMIC_RELEASE);
        program = p->program;
        p->program = NULL;
    } else if (left == 1) {
        wait_wake_all(&p->waiters); /* execve(2) waits to be alone */
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return program;
}

static void close(struct process *p, struct program *program)
{
    usage_program_gone(p, program_put(program));
    __atomic_fetch_add(&leaving.done, 1, __ATOMIC_RELEASE);
    wait_wake_all(&leaving.waiters);
    if (p->personality->close) p->personality->close(p);
    __atomic_store_n(&p->over, 1, __ATOMIC_RELEASE);
    wait_wake_all(&p->waiters);
    if (p->personality->over) p->personality->over(p);
}

_Noreturn void process_leave(void)
{
    struct thread *self = current_thread();
    struct process *p = self->owner;
    struct thread *before;

    if (p->personality->leave) p->personality->leave();
    thread_enter_space(NULL);
    struct program *program = leave_list(p, self, &before);
    if (self->task) task_destroy(self->task);
    if (before) {
        wait_off_stack(before);
        thread_put(before);
    }
    if (program) close(p, program);
    process_put(p);
    thread_exit();
}

/* A hart enters its bit before a full fence, and looks at the flags of its thread after: one of
 * us sees the other. */
void process_kick(struct process *p)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint64_t harts_in = __atomic_load_n(&process_space(p)->tlb.running, __ATOMIC_RELAXED);

    for (; harts_in != 0; harts_in &= harts_in - 1) {
        hart_kick(&harts[__builtin_ctzl(harts_in)]);
    }
}

bool process_kill(struct process *p, struct process_end end)
{
    bool others = false;
    struct list *it;

    spin_lock(&p->lock, RANK_PROCESS);
    bool first = p->end.kind == PROCESS_RUNS;
    if (first) {
        p->end = end;
        list_for_each (it, &p->threads) {
            struct thread *t = list_entry(it, struct thread, in_owner);
            context_set_exit_flags(&t->ctx, EXIT_KILL);
            thread_wake(t);
            others |= t != current_thread();
        }
        if (others) process_kick(p);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    if (first && p->personality->say_end) p->personality->say_end(p, &end);
    return first;
}

_Noreturn void process_exit(int code)
{
    struct process_end end = {.kind = PROCESS_EXITED, .code = code};

    process_kill(current_process(), end);
    process_leave();
}

const struct process_end *process_wait(struct process *p)
{
    wait_until(&p->waiters, process_is_over(p));
    wait_off_stack(p->last);
    return &p->end;
}

const struct process_end *process_wait_until(struct process *p, uint64_t deadline_ns)
{
    struct waiter w;
    bool in_time = true;

    wait_begin(&p->waiters, &w);
    while (in_time && !process_is_over(p)) {
        in_time = wait_sleep_until(&w, deadline_ns);
    }
    wait_end(&p->waiters, &w);
    return process_is_over(p) ? process_wait(p) : NULL;
}

/* Of a process whose threads have not started. */
static void drop_threads(struct process *p)
{
    while (!list_empty(&p->threads)) {
        struct thread *t = list_entry(p->threads.next, struct thread, in_owner);
        list_remove(&t->in_owner);
        p->nthreads--;
        if (t->task) task_destroy(t->task);
        thread_put(t);
    }
}

bool process_any(bool (*is)(struct process *, int), int n)
{
    struct list *it;

    list_for_each (it, &all) {
        if (is(list_entry(it, struct process, all), n)) return true;
    }
    return false;
}

void process_for_all(void (*fn)(struct process *, void *), void *arg)
{
    struct list *it;

    list_for_each (it, &all) {
        fn(list_entry(it, struct process, all), arg);
    }
}

static void leave_all(struct process *p)
{
    spin_lock(&families_lock, RANK_PROCESSES);
    list_remove(&p->all);
    spin_unlock(&families_lock, RANK_PROCESSES);
}

void process_put(struct process *p)
{
    if (__atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    leave_all(p);
    drop_threads(p);
    if (p->personality->destroy) p->personality->destroy(p);
    if (p->program) program_put(p->program);
    if (p->last) thread_put(p->last);
    number_give(p->pid);
    kfree(p);
}

/* False if the last reference has just been given back. */
static bool try_get(struct process *p)
{
    uint32_t refs = __atomic_load_n(&p->refs, __ATOMIC_RELAXED);

    while (refs != 0) {
        if (__atomic_compare_exchange_n(&p->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

void process_each(bool (*fn)(struct process *p, void *arg), void *arg)
{
    struct list *it = &all;
    struct process *p = NULL;
    bool more = true;

    while (more) {
        struct process *before = p;

        /* Who is held stays in the list, so that the next one can be found. */
        spin_lock(&families_lock, RANK_PROCESSES);
        do {
            it = it->next;
            p = it == &all ? NULL : list_entry(it, struct process, all);
        } while (p && (!p->started_ns || !try_get(p)));
        spin_unlock(&families_lock, RANK_PROCESSES);
        if (before) process_put(before);
        if (!p) return;
        more = fn(p, arg);
    }
    process_put(p);
}

static uint64_t measure_running(struct process *p,
                                uint64_t (*measure)(struct process *, uint64_t),
                                uint64_t arg)
{
    spin_lock(&p->lock, RANK_PROCESS);
    uint64_t n = p->program && p->started_ns ? measure(p, arg) : 0;
    spin_unlock(&p->lock, RANK_PROCESS);
    return n;
}

struct process *process_get_most(uint64_t (*measure)(struct process *, uint64_t),
                                 uint64_t arg)
{
    struct process *best = NULL;
    uint64_t most = 0;
    struct list *it;

    spin_lock(&families_lock, RANK_PROCESSES);
    list_for_each (it, &all) {
        struct process *p = list_entry(it, struct process, all);
        uint64_t n = measure_running(p, measure, arg);
        if (n <= most) continue;
        best = p;
        most = n;
    }
    if (best && !try_get(best)) best = NULL;
    spin_unlock(&families_lock, RANK_PROCESSES);
    return best;
}
