/*
 * What /proc/PID and /proc/PID/task/TID have: the tables, and the small files.
 *
 * A task's directory has the same files as its process's; what they say differs where tasks
 * do: name, state, times, signals.
 */
#include "procfs/internal.h"

#include "fs/file.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/family.h"
#include "proc/fs_context.h"
#include "proc/program.h"
#include "proc/task.h"
#include "uapi/capability.h"
#include "uapi/stat.h"

/*
 * Texts.
 */

static int show_facts(const struct subject *s, struct text *t, bool sizes,
                      void (*show)(const struct facts *, struct text *))
{
    struct facts *f = kmalloc(sizeof(*f));

    if (!f) return -ENOMEM;
    int err = facts_gather(s->process, s->tid, f);
    if (!err && sizes) facts_add_sizes(s->process, f);
    if (!err) show(f, t);
    kfree(f);
    return err;
}

static int show_process_stat(const struct subject *s, struct text *t)
{
    return show_facts(s, t, false, facts_show_stat);
}

static int show_status(const struct subject *s, struct text *t)
{
    return show_facts(s, t, true, facts_show_status);
}

static int show_statm(const struct subject *s, struct text *t)
{
    return show_facts(s, t, true, facts_show_statm);
}

static void facts_show_name(const struct facts *f, struct text *t)
{
    text_printf(t, "%s\n", f->name);
}

static int show_comm(const struct subject *s, struct text *t)
{
    return show_facts(s, t, false, facts_show_name);
}

/* Only threads of the process itself may name its tasks. */
static int store_comm(const struct subject *s, char *line)
{
    struct process *p = s->process;
    int err = -ESRCH;

    if (p != current_process()) return -EINVAL;
    spin_lock(&p->lock, RANK_PROCESS);
    struct task *t = process_task(p, s->tid ? s->tid : p->pid);
    if (t) {
        thread_set_name(t->thread, line);
        err = 0;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return err;
}

static void show_limit(struct text *t, uint64_t limit)
{
    if (limit == RLIM_INFINITY) {
        text_printf(t, "%-20s ", "unlimited");
    } else {
        text_printf(t, "%-20lu ", limit);
    }
}

static int show_limits(const struct subject *s, struct text *t)
{
    static const struct {
        const char *name, *unit;
    } names[RLIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", NULL},
        [RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    struct rlimit limits[RLIMITS];

    spin_lock(&s->process->lock, RANK_PROCESS);
    memcpy(limits, s->process->limits, sizeof(limits));
    spin_unlock(&s->process->lock, RANK_PROCESS);
    text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
                "Units");
    for (unsigned i = 0; i < RLIMITS; i++) {
        text_printf(t, "%-25s ", names[i].name);
        show_limit(t, limits[i].cur);
        show_limit(t, limits[i].max);
        if (names[i].unit) text_printf(t, "%-10s", names[i].unit);
        text_put(t, "\n", 1);
    }
    return 0;
}

/* Where it waits is not told; and there is no newline. */
static int show_wchan(const struct subject *s, struct text *t)
{
    (void)s;
    text_put(t, "0", 1);
    return 0;
}

/* Nobody counts bytes. */
static int show_io(const struct subject *s, struct text *t)
{
    (void)s;
    text_printf(t, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\n");
    text_printf(t, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    return 0;
}

static int show_oom_score_adj(const struct subject *s, struct text *t)
{
    text_printf(t, "%d\n", __atomic_load_n(&s->process->oom_score_adj, __ATOMIC_RELAXED));
    return 0;
}

/* A decimal number with a sign, and nothing else. */
static bool parse_int(const char *text, int *out)
{
    bool negative = *text == '-';
    int n = 0;

    if (negative) text++;
    if (!*text) return false;
    for (; '0' <= *text && *text <= '9' && n < 100000000; text++) {
        n = 10 * n + (*text - '0');
    }
    *out = negative ? -n : n;
    return *text == 0;
}

static int store_oom_score_adj(const struct subject *s, char *line)
{
    enum { MOST = 1000 };
    int *adj = &s->process->oom_score_adj, wanted;

    if (!parse_int(line, &wanted) || wanted < -MOST || wanted > MOST) return -EINVAL;
    bool less = wanted < __atomic_load_n(adj, __ATOMIC_RELAXED);
    if (less && s->who && !cred_can(s->who, CAP_SYS_RESOURCE)) return -EACCES;
    __atomic_store_n(adj, wanted, __ATOMIC_RELAXED);
    return 0;
}

static int show_oom_score(const struct subject *s, struct text *t)
{
    int adj = __atomic_load_n(&s->process->oom_score_adj, __ATOMIC_RELAXED);

    text_printf(t, "%d\n", adj > -1000 ? 666 + adj * 2 / 3 : 0);
    return 0;
}

static bool show_child(struct process *child, struct text *t)
{
    text_printf(t, "%d ", child->pid);
    return !t->err;
}

struct children {
    const struct process *parent;
    struct text *text;
};

static bool show_if_child(struct process *p, void *arg)
{
    const struct children *c = arg;

    spin_lock(&families_lock, RANK_PROCESSES);
    bool is = p->parent == c->parent;
    spin_unlock(&families_lock, RANK_PROCESSES);
    return !is || show_child(p, c->text);
}

/* Children are the process's; they are shown with its first task. */
static int show_children(const struct subject *s, struct text *t)
{
    struct children c = {s->process, t};

    if (s->tid == s->process->pid) process_each(show_if_child, &c);
    return 0;
}

/*
 * Links.
 */

long describe_path(struct path p, char *buf, size_t size)
{
    struct path root = {root_mount, root_mount->root};
    struct process *asker = current_process();
    struct fs_context *fs = asker ? process_get_fs(asker) : NULL;
    char *text = kmalloc(PATH_LIMIT);
    long len = -ENOMEM;

    if (fs) root = fs_context_root(fs);
    if (text) len = path_describe(p, root, text, PATH_LIMIT);
    if (len == -ERANGE) len = -ENAMETOOLONG;
    if (len > 0) {
        len = (size_t)len - 1 < size ? len - 1 : (long)size;
        memcpy(buf, text, (size_t)len);
    }
    kfree(text);
    if (fs) {
        path_put(root);
        fs_context_put(fs);
    }
    return len;
}

int follow_file(struct file *f, struct path *out)
{
    *out = f->path;
    path_get(*out);
    file_put(f);
    return 0;
}

static int follow_exe(const struct subject *s, struct path *out)
{
    struct program *program = process_get_program(s->process);
    int err = -ENOENT;

    if (program && program->exe) {
        file_get(program->exe);
        err = follow_file(program->exe, out);
    }
    if (program) program_put(program);
    return err;
}

static int follow_cwd(const struct subject *s, struct path *out)
{
    struct fs_context *fs = process_get_fs(s->process);

    if (!fs) return -ENOENT;
    *out = fs_context_cwd(fs);
    fs_context_put(fs);
    return 0;
}

static int follow_root(const struct subject *s, struct path *out)
{
    struct fs_context *fs = process_get_fs(s->process);

    if (!fs) return -ENOENT;
    *out = fs_context_root(fs);
    fs_context_put(fs);
    return 0;
}

/* What such a link shows is where it leads. */
static long show_target(const struct subject *s, char *buf, size_t size)
{
    struct path p;

    int err = s->entry->follow(s, &p);
    if (err) return err;
    long len = describe_path(p, buf, size);
    path_put(p);
    return len;
}

/*
 * Numbers: tasks of a process, processes of the system.
 */

static void note_lowest(int *lowest, unsigned *n, int number)
{
    unsigned at = *n;

    if (at == NUMBERS_AT_ONCE && number > lowest[at - 1]) return;
    if (at == NUMBERS_AT_ONCE) at--;
    for (; at > 0 && lowest[at - 1] > number; at--) {
        lowest[at] = lowest[at - 1];
    }
    lowest[at] = number;
    if (*n < NUMBERS_AT_ONCE) ++*n;
}

static unsigned list_tasks(const struct subject *s, int from, int *out)
{
    struct process *p = s->process;
    struct list *it;
    unsigned n = 0;

    spin_lock(&p->lock, RANK_PROCESS);
    list_for_each (it, &p->threads) {
        const struct task *t = list_entry(it, struct thread, in_owner)->task;
        if (t && t->tid >= from) note_lowest(out, &n, t->tid);
    }
    bool none = list_empty(&p->threads);
    spin_unlock(&p->lock, RANK_PROCESS);
    if (none && p->pid >= from) note_lowest(out, &n, p->pid); /* a zombie has its first */
    return n;
}

static bool has_task(const struct subject *s, int number, uint32_t *mode)
{
    struct process *p = s->process;

    (void)mode;
    spin_lock(&p->lock, RANK_PROCESS);
    bool has = process_task(p, number) || (list_empty(&p->threads) && number == p->pid);
    spin_unlock(&p->lock, RANK_PROCESS);
    return has;
}

struct process_list {
    int from, *out;
    unsigned n;
};

static bool note_process(struct process *p, void *arg)
{
    struct process_list *l = arg;

    spin_lock(&families_lock, RANK_PROCESSES);
    bool known = p->by_number.next && !list_empty(&p->by_number);
    spin_unlock(&families_lock, RANK_PROCESSES);
    if (known && p->pid >= l->from) note_lowest(l->out, &l->n, p->pid);
    return true;
}

unsigned list_processes(const struct subject *s, int from, int *out)
{
    struct process_list l = {from, out, 0};

    (void)s;
    process_each(note_process, &l);
    return l.n;
}

bool has_process(const struct subject *s, int number, uint32_t *mode)
{
    struct proc_owner owner;

    (void)s, (void)mode;
    struct process *p = subject_find(number, 0, &owner);
    if (p) subject_put(p);
    return p;
}

/*
 * Tables.
 */

#define FILE(mode)  (S_IFREG | (mode))
#define LINK        (S_IFLNK | 0777)
#define DIR(mode)   (S_IFDIR | (mode))
#define GUARD(what) .guarded = true, what

/* What the directories of processes and of tasks have in common. */
#define COMMON_ENTRIES                                                       \
    {"stat", FILE(0444), .show = show_process_stat},                         \
        {"status", FILE(0444), .show = show_status},                         \
        {"statm", FILE(0444), .show = show_statm},                           \
        {"comm", FILE(0644), .show = show_comm, .store = store_comm},        \
        {"cmdline", FILE(0444), .show = show_process_cmdline},               \
        {"environ", FILE(0400), GUARD(.show = show_environ)},                \
        {"auxv", FILE(0400), GUARD(.show = show_auxv)},                      \
        {"maps", FILE(0444), GUARD(.show = show_maps)},                      \
        {"smaps", FILE(0444), GUARD(.show = show_smaps)},                    \
        {"smaps_rollup", FILE(0444), GUARD(.show = show_smaps_rollup)},      \
        {"mem", FILE(0600), GUARD(.open = open_memory)},                     \
        {"exe", LINK, GUARD(.target = show_target), .follow = follow_exe},   \
        {"cwd", LINK, GUARD(.target = show_target), .follow = follow_cwd},   \
        {"root", LINK, GUARD(.target = show_target), .follow = follow_root}, \
        {"fd", DIR(0500), .directory = &fd_directory},                       \
        {"fdinfo", DIR(0555), .directory = &fdinfo_directory},               \
        {"limits", FILE(0444), .show = show_limits},                         \
        {"mounts", FILE(0444), .show = show_mounts},                         \
        {"mountinfo", FILE(0444), .show = show_mountinfo},                   \
        {"io", FILE(0400), GUARD(.show = show_io)},                          \
        {"oom_score", FILE(0444), .show = show_oom_score},                   \
        {"oom_score_adj", FILE(0644), .show = show_oom_score_adj,            \
         .store = store_oom_score_adj},                                      \
        {"wchan", FILE(0444), .show = show_wchan},                           \
        {"cgroup", FILE(0444), .text = "0::/"},                              \
        {"loginuid", FILE(0644), .text = "4294967295"},                      \
        {"sessionid", FILE(0444), .text = "4294967295"},                     \
        {"personality", FILE(0400), .text = "00000000"},                     \
    {                                                                        \
        "schedstat", FILE(0444), .text = "0 0 0"                             \
    }

static const struct proc_entry task_entries[] = {
    COMMON_ENTRIES,
    {"children", FILE(0444), .show = show_children},
    {0},
};
static const struct proc_directory task_directory = {.entries = task_entries};
static const struct proc_entry task_entry = {.mode = DIR(0555),
                                             .directory = &task_directory};

static const struct proc_directory tasks_directory = {
    .number = NUMBER_TID,
    .numbered = &task_entry,
    .list = list_tasks,
    .has = has_task,
};

static const struct proc_entry process_entries[] = {
    COMMON_ENTRIES,
    {"task", DIR(0555), .directory = &tasks_directory},
    {"timerslack_ns", FILE(0644), .text = "50000"},
    {0},
};
static const struct proc_directory process_directory = {.entries = process_entries};
const struct proc_entry process_entry = {.mode = DIR(0555),
                                         .directory = &process_directory};
