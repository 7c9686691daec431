/*
 * See exec.h.
 *
 *     open      the file; what "#!" says instead, and so on; the ELF interpreter
 *     gather    the strings, from the old program's memory
 *     build     a new program: space, stack, mappings, strings. Nobody sees it
 *     alone     the other threads leave; from here on nothing fails
 *     become    descriptors, handlers, rights, registers; the old program goes
 *
 * Who is told to leave while it waits for the others leaves instead, and nothing has changed
 * but that the others are gone, which nobody is left to see.
 */
#include "proc/exec.h"

#include "drivers/random.h"
#include "fs/attributes.h"
#include "fs/cred.h"
#include "fs/pagecache.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/exec_image.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fork.h"
#include "proc/fs_context.h"
#include "proc/internal.h"
#include "proc/space_writer.h"
#include "proc/task.h"
#include "proc/vdso.h"
#include "uapi/auxvec.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

enum {
    MORE_HEAD =
        8192, /* of a file: all headers are in it, nearly always in the first page */
    SCRIPT_LINE = 256,
    SCRIPTS = 5,      /* one that names another, and so on */
    CODE_SHOWN = 128, /* pages of a segment: half a megabyte */
};

struct exec {
    const struct exec_request *request;
    struct exec_file program, interpreter;
    struct exec_strings strings;
    size_t nargs, args_len; /* of the strings, those of argv; and their bytes */
    size_t name_len;        /* of the request's name, without its NUL */
    struct program *made;
    unsigned nscripts, nprefix;
    struct cred *cred; /* what it will have; held */
    bool secure;       /* rights were gained */
    vaddr_t sp;

    /* The beginning of the file that was read last: in its page, or copied. */
    const char *head;
    size_t head_len;
    struct page *head_page; /* held, or NULL */
    char *head_copy;

    /* From here on not cleared. */
    struct elf elf;               /* of the program */
    struct path scripts[SCRIPTS]; /* held */
    /* Words for argv before what the caller gave, and instead of its first: of scripts. */
    char *prefix[2 * SCRIPTS + 1];
};
static_assert(sizeof(struct exec) <= PAGE_SIZE, "what exec has is one page");

static int open_file(struct path p, struct file **out)
{
    int err = path_may_execute(p, current_cred());

    return err ? err : path_open_found(p, O_RDONLY, current_cred(), out);
}

static void drop_head(struct exec *e)
{
    if (e->head_page) page_put(e->head_page);
    kfree(e->head_copy);
    e->head_page = NULL;
    e->head_copy = NULL;
    e->head_len = 0;
}

/* The first bytes of the file, where they are: what lies in its first page. */
static int read_head(struct exec *e, struct file *f)
{
    uint64_t size = inode_read_size(f->inode);

    drop_head(e);
    if (size == 0) return 0;
    int err = pagecache_hold(f->inode, 0, &e->head_page);
    if (err) return err == -ERANGE ? 0 : err;
    if (!e->head_page) return 0; /* zeros are no program */
    e->head = page_ptr(e->head_page);
    e->head_len = size < PAGE_SIZE ? size : PAGE_SIZE;
    return 0;
}

/* More of them than lie in one page. */
static noinline int read_more_head(struct exec *e, struct file *f)
{
    drop_head(e);
    e->head_copy = kmalloc(MORE_HEAD);
    if (!e->head_copy) return -ENOMEM;
    long len = pagecache_read_kernel(f->inode, e->head_copy, MORE_HEAD, 0);
    if (len < 0) return (int)len;
    e->head = e->head_copy;
    e->head_len = (size_t)len;
    return 0;
}

static int parse_head(struct exec *e, struct file *f, const struct aspace *space,
                      struct elf *out)
{
    uint64_t size = inode_read_size(f->inode);
    struct elf_limits limits = exec_limits(space);
    int err = elf_parse_head(e->head, e->head_len, size, limits, out);

    if (err != -ENOEXEC || e->head_len < PAGE_SIZE) return err;
    err = read_more_head(e, f);
    return err ? err : elf_parse_head(e->head, e->head_len, size, limits, out);
}

static char *copy_word(const char *from, size_t len)
{
    char *word = kmalloc(len + 1);

    if (!word) return NULL;
    memcpy(word, from, len);
    word[len] = 0;
    return word;
}

/* `word` becomes the first of the prefix, and what was there follows it. */
static int prepend(struct exec *e, const char *from, size_t len)
{
    char *word = copy_word(from, len);

    if (!word) return -ENOMEM;
    for (unsigned i = e->nprefix++; i > 0; i--) {
        e->prefix[i] = e->prefix[i - 1];
    }
    e->prefix[0] = word;
    return 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The words of "#! interpreter argument": the rest of the line is one argument. */
static int parse_script(const char *head, size_t len, const char **interpreter,
                        size_t *interpreter_len, const char **argument,
                        size_t *argument_len)
{
    size_t at = 2, end = len < SCRIPT_LINE ? len : SCRIPT_LINE;
    const char *newline = memchr(head, '\n', end);

    if (newline) {
        end = (size_t)(newline - head);
    } else if (len >= SCRIPT_LINE && !memchr(head, ' ', end)) {
        return -ENOEXEC;
    }
    while (end > at && (is_blank(head[end - 1]) || head[end - 1] == '\r'))
        end--;
    while (at < end && is_blank(head[at]))
        at++;
    if (at == end) return -ENOEXEC;
    *interpreter = head + at;
    while (at < end && !is_blank(head[at]) && head[at])
        at++;
    *interpreter_len = (size_t)(head + at - *interpreter);
    while (at < end && is_blank(head[at]))
        at++;
    *argument = head + at;
    *argument_len = end - at;
    return 0;
}

/* The next file to try, after a script. */
static int follow_script(struct exec *e, const char *script)
{
    const char *interpreter, *argument;
    size_t interpreter_len, argument_len;
    struct walk_env env;

    int err = parse_script(e->head, e->head_len, &interpreter, &interpreter_len,
                           &argument, &argument_len);
    if (err) return err;
    if (e->nscripts == SCRIPTS) return -ELOOP;
    if (e->request->name_is_fd_path) return -ENOENT;
    /* The script's own name goes before what the caller gave, in place of argv[0]; that of a
     * script's script has been put there as the interpreter's word. */
    if (e->nprefix == 0) {
        err = prepend(e, script, strlen(script));
        if (err) return err;
    }
    if (argument_len) err = prepend(e, argument, argument_len);
    if (!err) err = prepend(e, interpreter, interpreter_len);
    if (!err) err = fs_env_begin(&env, AT_FDCWD, e->prefix[0]);
    if (err) return err;
    err = path_walk(&env, e->prefix[0], WALK_FOLLOW, &e->scripts[e->nscripts]);
    fs_env_end(&env);
    if (!err) e->nscripts++;
    return err;
}

/* The interpreter that the program asks for. */
static int open_interpreter(struct exec *e, const struct aspace *space)
{
    struct walk_env env;
    struct path p;
    char *name = copy_word(e->head + e->elf.interp_offset, e->elf.interp_len);

    if (!name) return -ENOMEM;
    int err = fs_env_begin(&env, AT_FDCWD, name);
    if (!err) {
        err = path_walk(&env, name, WALK_FOLLOW, &p);
        fs_env_end(&env);
    }
    kfree(name);
    if (err) return err;
    err = open_file(p, &e->interpreter.file);
    path_put(p);
    if (err) return err;
    e->interpreter.elf = kmalloc(sizeof(struct elf));
    if (!e->interpreter.elf) return -ENOMEM;
    err = read_head(e, e->interpreter.file);
    if (!err) err = parse_head(e, e->interpreter.file, space, e->interpreter.elf);
    return err == -ENOEXEC ? -ELIBBAD : err;
}

/* Opens files until one is a program. */
static int open_program(struct exec *e, const struct aspace *space)
{
    struct path at = e->request->file;

    for (;;) {
        struct file *f;
        int err = open_file(at, &f);
        if (err) return err;
        err = read_head(e, f);
        if (!err && e->head_len >= 2 && e->head[0] == '#' && e->head[1] == '!') {
            file_put(f);
            err = follow_script(e, e->request->name);
            if (err) return err;
            at = e->scripts[e->nscripts - 1];
            continue;
        }
        e->program.file = f;
        e->program.elf = &e->elf;
        if (err) return err;
        err = parse_head(e, f, space, &e->elf);
        if (err) return err == -EINVAL ? -ENOEXEC : err;
        return e->elf.interp_len ? open_interpreter(e, space) : 0;
    }
}

/* Rights that the file gives: set-user-ID and set-group-ID. */
static int choose_cred(struct exec *e)
{
    const struct inode *i = e->program.file->inode;
    const struct cred *old = current_cred();
    struct cred *c = cred_copy(old);
    uint32_t mode = inode_read(&i->mode);
    const struct mount *m = e->program.file->path.mount;
    bool may = !(m && m->flags & MOUNT_NOSUID) &&
               !(current_process()->flags & PROCESS_NO_NEW_PRIVILEGES);

    if (!c) return -ENOMEM;
    if (may && mode & S_ISUID) c->euid = inode_read(&i->uid);
    if (may && (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        c->egid = inode_read(&i->gid);
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    c->permitted = c->uid == 0 || c->euid == 0 ? c->bounding : 0;
    c->caps = c->euid == 0 ? c->permitted : 0;
    c->keep_caps = false;
    e->cred = c;
    e->secure = c->euid != c->uid || c->egid != c->gid;
    return 0;
}

static int gather(struct exec *e)
{
    struct process *p = current_process();
    uint64_t stack = p->limits[RLIMIT_STACK].cur;
    struct exec_strings *s = &e->strings;
    int err = 0;

    exec_strings_init(s, stack / 4);
    for (unsigned i = 0; i < e->nprefix && !err; i++) {
        err = exec_strings_add(s, e->prefix[i]);
    }
    if (!err) err = exec_strings_add_all(s, &e->request->argv, e->nprefix ? 1 : 0);
    if (!err && s->count == 0)
        err = exec_strings_add(s, ""); /* argv[0] is always there */
    e->nargs = s->count;
    e->args_len = s->len;
    if (!err) err = exec_strings_add_all(s, &e->request->envp, 0);
    if (err) return err;
    size_t before = s->len;
    err = exec_strings_add(s, e->request->name);
    e->name_len = s->len - before - 1;
    return err;
}

static void put_aux(struct program *p, uint64_t key, uint64_t value)
{
    p->auxv[2 * p->nauxv] = key;
    p->auxv[2 * p->nauxv + 1] = value;
    p->nauxv++;
}

static void fill_auxv(struct exec *e, vaddr_t name, vaddr_t random)
{
    const struct elf *elf = &e->elf;
    struct program *p = e->made;
    uint64_t bias = e->program.bias;

    put_aux(p, AT_SYSINFO_EHDR, p->vdso.raw);
    put_aux(p, AT_HWCAP,
            HWCAP_ISA('i') | HWCAP_ISA('m') | HWCAP_ISA('a') | HWCAP_ISA('f') |
                HWCAP_ISA('d') | HWCAP_ISA('c'));
    put_aux(p, AT_PAGESZ, PAGE_SIZE);
    put_aux(p, AT_CLKTCK, 100);
    put_aux(p, AT_PHDR, elf->phdr.raw ? elf->phdr.raw + bias : 0);
    put_aux(p, AT_PHENT, ELF_PHENT);
    put_aux(p, AT_PHNUM, elf->phnum);
    put_aux(p, AT_BASE, e->interpreter.file ? e->interpreter.bias : 0);
    put_aux(p, AT_FLAGS, 0);
    put_aux(p, AT_ENTRY, elf->entry.raw + bias);
    put_aux(p, AT_UID, e->cred->uid);
    put_aux(p, AT_EUID, e->cred->euid);
    put_aux(p, AT_GID, e->cred->gid);
    put_aux(p, AT_EGID, e->cred->egid);
    put_aux(p, AT_SECURE, e->secure);
    put_aux(p, AT_RANDOM, random.raw);
    put_aux(p, AT_EXECFN, name.raw);
    put_aux(p, AT_MINSIGSTKSZ, SIGNAL_FRAME_MOST);
    put_aux(p, AT_NULL, 0);
}

/*
 * The stack as the psABI has it, from the top down: a zero word, the strings, 16 random bytes,
 * and from sp upwards argc, argv, envp, the auxiliary vector.
 */
static int fill_stack(struct exec *e, vaddr_t top)
{
    struct program *p = e->made;
    const struct exec_strings *s = &e->strings;
    uint64_t seed[2];
    vaddr_t strings = VA((top.raw - sizeof(uint64_t) - s->len) & ~7ul);
    vaddr_t random = VA((strings.raw - sizeof(seed)) & ~15ul);
    vaddr_t name = va_add(strings, s->len - (e->name_len + 1));

    random_bytes(seed, sizeof(seed));
    fill_auxv(e, name, random);
    size_t auxv_len = 2 * p->nauxv * sizeof(p->auxv[0]);
    size_t words = 1 + (s->count - 1) + 2 + 2 * p->nauxv;
    vaddr_t sp = VA((random.raw - words * sizeof(uint64_t)) & ~15ul);
    struct space_writer w = {.space = p->space, .at = sp};

    p->args = (struct range){strings, va_add(strings, e->args_len)};
    p->environment = (struct range){p->args.end, name};
    p->stack_start = e->sp = sp;
    space_writer_word(&w, e->nargs);
    exec_strings_write_arrays(s, &w, strings, e->nargs);
    space_writer_bytes(&w, p->auxv, auxv_len);
    space_writer_seek(&w, random);
    space_writer_bytes(&w, seed, sizeof(seed));
    space_writer_seek(&w, strings);
    exec_strings_write(s, &w);
    return w.err;
}

/* Every program lies where it did the last time: norandmaps. Set once, at boot. */
static bool always_alike;

void exec_init(void) { always_alike = cmdline_flag("norandmaps"); }

/* The one whose entry is the program's. */
static const struct exec_file *first_file(const struct exec *e)
{
    return e->interpreter.file ? &e->interpreter : &e->program;
}

static vaddr_t entry_of(const struct exec *e)
{
    const struct exec_file *first = first_file(e);

    return va_add(first->elf->entry, first->bias);
}

/*
 * The first instruction is fetched for certain, and most of a small program's others are: what is
 * cached of its segment is shown at once, without a trap for each sixteen pages. Whatever
 * comes of that, the program finds out by itself.
 */
static void bring_code(struct exec *e)
{
    const struct exec_file *first = first_file(e);
    struct range code = exec_code_range(first, entry_of(e));

    if (range_pages(code) <= CODE_SHOWN) {
        aspace_show_cached(e->made->space, code);
    } else {
        (void)!aspace_fault(e->made->space, entry_of(e), PROT_X);
    }
}

static int build(struct exec *e)
{
    struct process *self = current_process();
    struct program *p = e->made;
    struct exec_layout how = {.random = !always_alike,
                              .stack_limit = self->limits[RLIMIT_STACK].cur};
    vaddr_t top;

    int err = exec_map_stack(p, &how, e->elf.exec_stack, &top);
    if (!err) err = exec_map_program(p, &e->program, &how);
    if (!err && e->interpreter.file) err = exec_map_interpreter(p, &e->interpreter);
    if (!err) err = fill_stack(e, top);
    if (!err) bring_code(e);
    if (err == -EEXIST) err = -ENOMEM; /* the file's own addresses lie in the way */
    if (err) return err;
    p->exe = e->program.file;
    file_get(p->exe);
    return 0;
}

/* The other threads leave. 0, or -ERESTARTSYS if the calling one must. */
static int become_alone(struct process *p)
{
    struct list *it;

    spin_lock(&p->lock, RANK_PROCESS);
    bool stays = p->end.kind == PROCESS_RUNS && !current_must_leave();
    if (stays && p->nthreads > 1) {
        list_for_each (it, &p->threads) {
            struct thread *t = list_entry(it, struct thread, in_owner);
            if (t == current_thread()) continue;
            context_set_exit_flags(&t->ctx, EXIT_KILL);
            thread_wake(t);
        }
        process_kick(p);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    if (!stays) return -ERESTARTSYS;
    wait_until(&p->waiters, __atomic_load_n(&p->nthreads, __ATOMIC_ACQUIRE) == 1);
    return current_must_leave() ? -ERESTARTSYS : 0;
}

static const char *last_component(const char *name, size_t len)
{
    while (len > 0 && name[len - 1] != '/')
        len--;
    return name + len;
}

static void take_program(struct process *p, struct program *made)
{
    spin_lock(&p->lock, RANK_PROCESS);
    struct program *before = p->program;
    p->program = made;
    __atomic_fetch_or(&p->flags, PROCESS_EXECED, __ATOMIC_RELAXED);
    spin_unlock(&p->lock, RANK_PROCESS);
    thread_enter_space(made->space);
    fork_release_parent(p);
    usage_program_gone(p, program_put(before));
}

static void become(struct exec *e, struct context *c)
{
    struct process *p = current_process();
    struct task *t = current_task();
    const char *name = last_component(e->request->name, e->name_len);

    take_program(p, e->made);
    e->made = NULL;
    family_rename_task(t);
    t->clear_child_tid = t->set_child_tid = t->robust_list = VA(0);
    signals_exec();
    fd_close_on_exec(p->files);
    task_set_cred(e->cred);
    e->cred = NULL;
    if (!e->secure)
        __atomic_fetch_and(&p->flags, ~(uint32_t)PROCESS_UNDUMPABLE, __ATOMIC_RELAXED);
    process_set_name(p, name);
    thread_set_name(t->thread, name);
    context_init_user(c, entry_of(e), e->sp);
}

/* A table that others use too stays theirs. */
static int own_files(struct process *p)
{
    struct fd_table *copy =
        fd_table_is_shared(p->files) ? fd_table_clone(p->files) : p->files;

    if (!copy) return -ENOMEM;
    if (copy == p->files) return 0;
    spin_lock(&p->lock, RANK_PROCESS);
    struct fd_table *before = p->files;
    p->files = copy;
    fd_share_begins();
    spin_unlock(&p->lock, RANK_PROCESS);
    fd_table_put(before);
    return 0;
}

static int prepare(struct exec *e)
{
    e->made = program_create();
    if (!e->made) return -ENOMEM;
    int err = open_program(e, e->made->space);
    if (!err) err = choose_cred(e);
    if (!err) err = gather(e);
    if (!err) err = build(e);
    return err;
}

static void clean_up(struct exec *e)
{
    drop_head(e);
    if (e->made) program_put(e->made);
    if (e->program.file) file_put(e->program.file);
    if (e->interpreter.file) file_put(e->interpreter.file);
    kfree(e->interpreter.elf);
    exec_strings_drop(&e->strings);
    if (e->cred) cred_put(e->cred);
    for (unsigned i = 0; i < e->nscripts; i++) {
        path_put(e->scripts[i]);
    }
    for (unsigned i = 0; i < e->nprefix; i++) {
        kfree(e->prefix[i]);
    }
    kfree(e);
}

int exec_program(struct context *c, const struct exec_request *request)
{
    struct process *p = current_process();
    struct exec *e = kmalloc(sizeof(*e));

    if (!e) return -ENOMEM;
    memset(e, 0, offsetof(struct exec, elf));
    e->request = request;
    int err = prepare(e);
    if (!err) err = own_files(p);
    if (!err) err = become_alone(p);
    if (!err) become(e, c);
    clean_up(e);
    return err;
}
