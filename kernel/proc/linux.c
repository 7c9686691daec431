/*
 * See linux.h. The order of leaving is that of process.c; here is what a program sees of it:
 *
 *     each thread    robust futexes, clear_child_tid: who waits for it learns of it
 *     the last       descriptors are closed, a session leader gives up its terminal, children
 *                    get another parent
 *     then           its own parent is told
 */
#include "proc/linux.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "proc/exec.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fork.h"
#include "proc/fs_context.h"
#include "proc/futex.h"
#include "proc/internal.h"
#include "proc/task.h"
#include "tty/control.h"
#include "tty/jobs.h"
#include "tty/tty.h"
#include "uapi/fcntl.h"

void linux_leave(void)
{
    struct task *t = current_task();
    struct process *p = t->process;

    futex_task_leaves(t);
    task_signals_leave(t);
    usage_task_leaves(t);
    spin_lock(&p->lock, RANK_PROCESS);
    p->last_uid = t->cred->uid;
    spin_unlock(&p->lock, RANK_PROCESS);
}

static void drop_files(struct process *p)
{
    spin_lock(&p->lock, RANK_PROCESS);
    struct fd_table *files = p->files;
    struct fs_context *fs = p->fs;
    p->files = NULL;
    p->fs = NULL;
    spin_unlock(&p->lock, RANK_PROCESS);
    if (files) fd_table_put(files);
    if (fs) fs_context_put(fs);
}

void linux_close(struct process *p)
{
    fork_release_parent(p);
    drop_files(p);
    if (job_is_session_leader()) tty_session_ends();
    signals_close(p);
    family_tell_children(p);
    family_orphan_children(p);
}

void linux_over(struct process *p) { family_over(p); }

void linux_destroy(struct process *p)
{
    drop_files(p);
    if (p->tty) tty_put(p->tty);
    if (p->signals) signals_destroy(p->signals);
}

_Noreturn void task_exit(int code)
{
    struct process *p = current_process();

    spin_lock(&p->lock, RANK_PROCESS);
    if (p->nthreads == 1 && p->end.kind == PROCESS_RUNS)
        p->end = (struct process_end){.kind = PROCESS_EXITED, .code = code};
    spin_unlock(&p->lock, RANK_PROCESS);
    process_leave();
}

/* What the first process is to execute. Borrowed for good. */
static struct first {
    const char *path;
    const char *const *argv, *const *envp;
} first;

/* As 0, 1 and 2. */
static int open_console(void)
{
    struct walk_env env;
    struct file *f;

    int err = fs_env_begin(&env, AT_FDCWD, "/dev/console");
    if (err) return err;
    err = path_open(&env, "/dev/console", O_RDWR, 0, &f);
    fs_env_end(&env);
    if (err) return err;
    for (unsigned i = 0; i < 3 && !err; i++) {
        file_get(f);
        int fd = fd_give(f, 0);
        err = fd < 0 ? fd : 0;
    }
    file_put(f);
    return err;
}

static int execute_first(struct context *c)
{
    struct exec_request request = {
        .name = first.path,
        .argv = {.kernel = true, .array = first.argv},
        .envp = {.kernel = true, .array = first.envp},
    };
    struct walk_env env;

    int err = fs_env_begin(&env, AT_FDCWD, first.path);
    if (err) return err;
    err = path_walk(&env, first.path, WALK_FOLLOW, &request.file);
    fs_env_end(&env);
    if (err) return err;
    err = exec_program(c, &request);
    path_put(request.file);
    return err;
}

static void begin_first(void *unused)
{
    (void)unused;
    thread_enter_space(process_space(current_process()));
    int err = open_console();
    if (err) log_warn("process 1 has no console: error %d", -err);
    err = execute_first(this_context);
    if (err) {
        log_error("%s cannot be executed: error %d", first.path, -err);
        process_exit(127);
    }
    log_info("process 1 begins: %s", first.path);
    user_enter();
}

static void set_limits(struct process *p)
{
    static const struct rlimit some[RLIMITS] = {
        [RLIMIT_STACK] = {8 << 20, RLIM_INFINITY},
        [RLIMIT_CORE] = {0, RLIM_INFINITY},
        [RLIMIT_NOFILE] = {1024, 4096},
        [RLIMIT_MEMLOCK] = {8 << 20, 8 << 20},
        [RLIMIT_SIGPENDING] = {4096, 4096},
        [RLIMIT_NPROC] = {PID_MOST / 2, PID_MOST / 2},
        [RLIMIT_MSGQUEUE] = {819200, 819200},
    };

    for (unsigned i = 0; i < RLIMITS; i++) {
        bool none = some[i].max == 0 && i != RLIMIT_NICE && i != RLIMIT_RTPRIO;
        p->limits[i] = none ? (struct rlimit){RLIM_INFINITY, RLIM_INFINITY} : some[i];
    }
}

static int fill_first(struct process *p)
{
    struct path root = {root_mount, root_mount->root};
    struct thread *t;

    p->files = fd_table_create();
    p->fs = fs_context_create(root);
    p->signals = signals_create(NULL);
    if (!p->files || !p->fs || !p->signals) return -ENOMEM;
    set_limits(p);
    t = thread_create(p->name, begin_first, NULL);
    if (!t) return -ENOMEM;
    cred_get(&root_cred);
    int err = task_create(t, p, p->pid, &root_cred);
    if (err) {
        cred_put(&root_cred);
        thread_put(t);
        return err;
    }
    context_init_user(&t->ctx, VA(0), VA(0));
    t->ctx.calls = p->personality->calls;
    context_set_entry_flags(&t->ctx, p->personality->entry_flags);
    t->owner = p;
    task_signals_init(&t->task->signals, NULL);
    list_push_back(&p->threads, &t->in_owner);
    p->nthreads = 1;
    return 0;
}

int linux_start_first(const struct personality *how, const char *path,
                      const char *const *argv, const char *const *envp,
                      struct process **out)
{
    struct process *p = process_create(argv[0], how);

    if (!p) return -ENOMEM;
    first = (struct first){path, argv, envp};
    int err = fill_first(p);
    if (err) {
        process_put(p);
        return err;
    }
    family_enter(p, NULL, 0);
    family_enter_task(list_entry(p->threads.next, struct thread, in_owner)->task);
    process_start(p);
    *out = p;
    return 0;
}
