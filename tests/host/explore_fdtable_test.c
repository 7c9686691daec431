/*
 * Tables of descriptors under every interleaving: who looks a number up finds a file that was
 * there, or says truly that there was none; a clone has all files of one moment.
 *
 * Grace periods are the real ones (kernel/sync/grace.c): memory that is given back too early is
 * poisoned, and the finder looks.
 */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c kernel/sync/grace.c
// sources: tests/host/fake/machine.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/explore/schedule.c kernel/proc/fdtable.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie -lpthread
#include "proc/fdtable.h"

#include "arch/riscv/hart.h"
#include "explore/schedule.h"
#include "fs/cred.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "machine.h"
#include "mm/slab.h"
#include "sync/grace.h"
#include "test.h"

#include <stdio.h>

enum { FILES = 6 };

static struct record {
    struct file *file;
    bool released;
} records[FILES];

static struct fd_table *t;
static unsigned nrecords;
static uint64_t bytes_before;

void hart_do_work(void)
{
    __atomic_store_n(&this_hart()->work, 0, __ATOMIC_RELAXED);
    grace_quiescent();
}

static void release(struct file *f)
{
    struct record *r = f->data;

    if (r->released) schedule_fail("released twice");
    r->released = true;
}

static const struct file_ops ops = {.release = release};

static struct file *make_file(void)
{
    struct record *r = &records[nrecords++];
    struct file *f = file_make(O_RDWR, &root_cred);

    assert(f);
    f->ops = &ops;
    f->data = r;
    r->file = f;
    return f;
}

/* A file at this number. */
static void open_at(int fd)
{
    struct file *f = make_file();

    assert(fd_reserve_below(t, fd, FD_MOST) == fd);
    fd_install(t, fd, f, 0);
}

static void begin(void)
{
    memset(records, 0, sizeof(records));
    nrecords = 0;
    for (unsigned i = 0; i < nharts; i++)
        harts[i].idle = i >= SCHEDULE_THREADS;
    bytes_before = slab_bytes_in_use();
    t = fd_table_create();
    assert(t);
    open_at(3);
    open_at(70);
}

static void check(const struct file *f)
{
    const struct record *r = f->data;

    if (r < records || r >= records + FILES || r->file != f) {
        schedule_fail("what was found is no file");
    }
    if (r->released) schedule_fail("what was found has gone");
}

/* Found or not, as may be; *what is where it is to be put. */
static bool get(int fd)
{
    struct file *f;

    if (fd_get(t, fd, &f)) return false;
    check(f);
    schedule_point("has it", NULL);
    check(f);
    file_put(f);
    return true;
}

static void getter(void)
{
    get(3);
    grace_quiescent();
    get(3);
}

static void getter_that_must_find(void)
{
    if (!get(3)) schedule_fail("3 was open all the time");
    if (!get(70)) schedule_fail("70 was open all the time");
}

static void closer(void)
{
    if (fd_close(t, 3)) schedule_fail("3 was open");
    grace_quiescent();
    grace_quiescent();
}

static void reopener(void)
{
    int fd = fd_reserve_below(t, 0, FD_MOST);

    schedule_point("reserved", NULL);
    fd_install(t, fd, make_file(), 0);
    grace_quiescent();
    if (!get(fd)) schedule_fail("nobody closes %d", fd);
}

static void replacer(void)
{
    if (fd_replace(t, 3, make_file(), 0) != 3) schedule_fail("3 is not reserved");
    grace_quiescent();
    grace_quiescent();
}

/* The directory is replaced by a larger one, twice. */
static void grower(void)
{
    open_at(600);
    grace_quiescent();
    open_at(1100);
    grace_quiescent();
}

/* What is at 3 moves to 5, from there to 70, and is never nowhere. */
static void mover(void)
{
    struct file *f = records[0].file;

    file_get(f);
    if (fd_replace(t, 70, f, 0) != 70) schedule_fail("70 is not reserved");
    if (fd_close(t, 3)) schedule_fail("3 was open");
    file_get(f);
    if (fd_replace(t, 3, f, 0) != 3) schedule_fail("3 is not reserved");
    if (fd_close(t, 70)) schedule_fail("70 was open");
}

static void cloner(void)
{
    struct fd_table *copy = fd_table_clone(t);
    bool found = false;
    struct file *f;

    assert(copy);
    for (int fd = fd_next(copy, 0, &f); fd >= 0; fd = fd_next(copy, fd + 1, &f)) {
        check(f);
        found |= f == records[0].file;
        file_put(f);
    }
    if (!found) schedule_fail("a file that moved is not in the clone");
    fd_table_put(copy);
}

static void two_of_one(void)
{
    int fd = fd_reserve_below(t, 0, FD_MOST);

    if (get(fd)) schedule_fail("%d is mine, and not open", fd);
    fd_install(t, fd, make_file(), 0);
    if (!get(fd)) schedule_fail("nobody closes %d", fd);
}

static void (*parts[SCHEDULE_THREADS])(void);

static void nothing(void) {}

static void thread(unsigned number)
{
    parts[number]();
    schedule_point("idle", NULL);
    this_hart()->idle = 1;
}

static void end(void)
{
    fd_table_put(t);
    for (unsigned i = 0; i < nharts; i++)
        harts[i].idle = 1;
    grace_drain();
    for (unsigned i = 0; i < nrecords; i++) {
        if (!records[i].released) schedule_fail("file %u stays", i);
    }
    if (slab_bytes_in_use() != bytes_before) schedule_fail("memory is missing");
}

static unsigned bound;

static void explore(void)
{
    fake_machine();
    schedule_ranks = RANK_TREE;
    assert(slab_init() == 0);
    unsigned long n =
        schedule_explore(&(struct model){SCHEDULE_THREADS, begin, thread, end}, bound);
    printf("ok %lu schedules\n", n);
}

static bool holds(unsigned preemptions, void (*a)(void), void (*b)(void), void (*c)(void))
{
    parts[0] = a;
    parts[1] = b;
    parts[2] = c;
    bound = preemptions;
    return schedule_in_child(explore);
}

TEST(a_file_is_found_or_has_been_closed) { EXPECT(holds(3, getter, closer, reopener)); }

TEST(a_number_that_is_replaced_is_never_empty)
{
    EXPECT(holds(3, getter_that_must_find, replacer, nothing));
}

TEST(a_table_that_grows_is_found_in)
{
    EXPECT(holds(3, getter_that_must_find, grower, nothing));
}

TEST(a_clone_is_of_one_moment) { EXPECT(holds(3, cloner, mover, nothing)); }

TEST(nobody_gets_the_same_number) { EXPECT(holds(2, two_of_one, reopener, two_of_one)); }
