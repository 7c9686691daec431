/*
 * process_vm_readv(2), process_vm_writev(2): the memory of another program, a page at a time
 * through a buffer of ours. What was copied before something failed counts.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/program.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/capability.h"

enum { PIECES_MOST = 1024 };

struct piece {
    uint64_t at, len;
};

/* Where we are in a program's list of pieces. */
struct pieces {
    vaddr_t next; /* of the list */
    uint64_t left;
    struct piece now;
};

struct vm_copy {
    struct aspace *other;
    char *buffer; /* a page */
    bool write;
    struct pieces here, there;
};

/* The first piece that has bytes. False at the end; or *err. */
static bool more(struct pieces *p, int *err)
{
    while (!*err && p->now.len == 0 && p->left > 0) {
        *err = copy_from_user(&p->now, p->next, sizeof(p->now));
        p->next = va_add(p->next, sizeof(p->now));
        p->left--;
    }
    return !*err && p->now.len > 0;
}

static void advance(struct pieces *p, uint64_t n)
{
    p->now.at += n;
    p->now.len -= n;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Up to the end of a page of the other's. */
static int copy_piece(struct vm_copy *c, uint64_t n)
{
    vaddr_t here = VA(c->here.now.at), there = VA(c->there.now.at);
    uint64_t end = space_end(c->other);

    if (there.raw >= end || n > end - there.raw) return -EFAULT;
    int err = c->write ? copy_from_user(c->buffer, here, n)
                       : aspace_read(c->other, there, c->buffer, n);
    if (err) return err;
    return c->write ? aspace_write(c->other, there, c->buffer, n)
                    : copy_to_user(here, c->buffer, n);
}

static long copy_all(struct vm_copy *c)
{
    uint64_t done = 0;
    int err = 0;

    while (more(&c->here, &err) && more(&c->there, &err)) {
        uint64_t n = PAGE_SIZE - va_offset(VA(c->there.now.at));
        n = least(n, least(c->here.now.len, c->there.now.len));
        err = copy_piece(c, n);
        if (err) break;
        advance(&c->here, n);
        advance(&c->there, n);
        done += n;
    }
    return done ? (long)done : err;
}

/* ptrace(2): the same user in every respect, and one who may be looked at; or CAP_SYS_PTRACE. */
static bool may_access(const struct process *p, const struct task *t)
{
    const struct cred *me = current_cred(), *c = t->cred;

    if (p == current_process() || cred_can(me, CAP_SYS_PTRACE)) return true;
    if (__atomic_load_n(&p->flags, __ATOMIC_RELAXED) & PROCESS_UNDUMPABLE) return false;
    return me->uid == c->euid && me->uid == c->suid && me->uid == c->uid &&
           me->gid == c->egid && me->gid == c->sgid && me->gid == c->gid;
}

/* The program that a task runs, held. 0, -ESRCH, -EPERM. */
static int program_of(int tid, struct program **out)
{
    struct process *p = process_find_by_task(tid);
    int err = -ESRCH;

    if (!p) return err;
    spin_lock(&p->lock, RANK_PROCESS);
    const struct task *t = process_task(p, tid);
    if (t && p->program) {
        err = may_access(p, t) ? 0 : -EPERM;
        *out = p->program;
        if (!err) program_get(*out);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    process_put(p);
    return err;
}

static long copy_with(int tid, struct vm_copy *c)
{
    struct program *program;
    int err = program_of(tid, &program);

    if (err) return err;
    c->other = program->space;
    c->buffer = kmalloc(PAGE_SIZE);
    long n = c->buffer ? copy_all(c) : -ENOMEM;
    kfree(c->buffer);
    program_put(program);
    return n;
}

static long process_vm(int tid, struct pieces here, struct pieces there, uint64_t flags,
                       bool write)
{
    struct vm_copy c = {.write = write, .here = here, .there = there};

    if (flags || here.left > PIECES_MOST || there.left > PIECES_MOST) return -EINVAL;
    if (here.left == 0 || there.left == 0) return 0;
    return copy_with(tid, &c);
}

long sys_process_vm_readv(uint64_t pid, vaddr_t here, uint64_t nhere, vaddr_t there,
                          uint64_t nthere, uint64_t flags)
{
    return process_vm((int)pid, (struct pieces){here, nhere, {0}},
                      (struct pieces){there, nthere, {0}}, flags, false);
}

long sys_process_vm_writev(uint64_t pid, vaddr_t here, uint64_t nhere, vaddr_t there,
                           uint64_t nthere, uint64_t flags)
{
    return process_vm((int)pid, (struct pieces){here, nhere, {0}},
                      (struct pieces){there, nthere, {0}}, flags, true);
}
