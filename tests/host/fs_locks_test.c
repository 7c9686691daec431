/* File locks: records against an array that has a letter for each byte, rings, flock. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fs/rig.c
// libs: -lpthread
#include "fs/locks.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/fcntl.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { BYTES = 40, OWNERS = 3 };

static struct file *f;
static const char owners[OWNERS];

/* What each owner has of each byte, and of all that come behind. */
static enum lock_type held[OWNERS][BYTES + 1];

static void begin(void)
{
    rig_begin();
    assert(rig_open("f", O_RDWR | O_CREAT, &f) == 0);
    for (unsigned o = 0; o < OWNERS; o++) {
        for (unsigned i = 0; i <= BYTES; i++) {
            held[o][i] = LOCK_NONE;
        }
    }
}

static void end(void)
{
    file_put(f);
    rig_end();
}

static struct file_lock lock_of(unsigned owner, enum lock_type type, uint64_t start,
                                uint64_t stop)
{
    return (struct file_lock){.type = type,
                              .start = start,
                              .end = stop,
                              .pid = (int)owner,
                              .owner = &owners[owner]};
}

static bool in_the_way(unsigned owner, enum lock_type type, uint64_t start, uint64_t stop)
{
    for (unsigned o = 0; o < OWNERS; o++) {
        if (o == owner || type == LOCK_NONE) continue;
        for (uint64_t i = start; i < stop && i <= BYTES; i++) {
            if (held[o][i] == LOCK_WRITE) return true;
            if (held[o][i] == LOCK_READ && type == LOCK_WRITE) return true;
        }
    }
    return false;
}

static enum lock_type some_type(void)
{
    static const enum lock_type types[] = {LOCK_READ, LOCK_WRITE, LOCK_NONE};

    return types[test_random_below(3)];
}

static void random_set(void)
{
    unsigned owner = (unsigned)test_random_below(OWNERS);
    uint64_t start = test_random_below(BYTES),
             stop = start + 1 + test_random_below(BYTES - start);
    struct file_lock l = lock_of(owner, some_type(), start, stop);
    bool fails = test_random_below(5) == 0;

    if (test_random_below(6) == 0) l.end = LOCK_TO_END;
    if (fails) page_fail_after(test_random_below(3));
    int err = locks_set(f, &l, false);
    page_fail_never();
    bool refused = in_the_way(owner, l.type, start, l.end);
    if (!fails || err != -ENOMEM) EXPECT_EQ(err, refused ? -EAGAIN : 0);
    for (uint64_t i = start; !err && i < l.end && i <= BYTES; i++) {
        held[owner][i] = l.type;
    }
}

static bool queries_agree(void)
{
    for (unsigned o = 0; o < OWNERS; o++) {
        for (uint64_t i = 0; i < BYTES; i++) {
            struct file_lock l = lock_of(o, i % 2 ? LOCK_READ : LOCK_WRITE, i, i + 1);
            bool wanted = in_the_way(o, l.type, i, i + 1);
            locks_query(f, &l);
            if (!EXPECT_EQ(l.type != LOCK_NONE, wanted)) return false;
            if (wanted && !EXPECT(l.start <= i && i < l.end)) return false;
        }
    }
    return true;
}

TEST(records_are_what_a_letter_for_each_byte_says)
{
    begin();
    for (unsigned i = 0; i < 5000; i++) {
        random_set();
        if (!queries_agree()) break;
    }
    for (unsigned o = 0; o < OWNERS; o++) {
        locks_release_owner(f->inode, &owners[o]);
    }
    EXPECT(f->inode->locks == NULL);
    end();
}

TEST(a_lock_asks_for_the_mode_of_the_file)
{
    struct file *ro;
    struct file_lock l = lock_of(0, LOCK_WRITE, 0, 1);

    begin();
    EXPECT_EQ(rig_open("f", O_RDONLY, &ro), 0);
    EXPECT_EQ(locks_set(ro, &l, false), -EBADF);
    l.type = LOCK_READ;
    EXPECT_EQ(locks_set(ro, &l, false), 0);
    locks_release_owner(f->inode, &owners[0]);
    file_put(ro);
    end();
}

struct turn {
    struct file_lock lock;
    int err;
    unsigned hart;
};

static void *take(void *arg)
{
    struct turn *t = arg;

    fake_hart = t->hart;
    t->err = locks_set(f, &t->lock, true);
    return NULL;
}

TEST(who_waits_gets_it_when_it_goes)
{
    struct turn t = {.lock = lock_of(1, LOCK_WRITE, 0, 10), .err = 99, .hart = 1};
    struct file_lock l = lock_of(0, LOCK_READ, 5, 6);
    pthread_t thread;

    begin();
    EXPECT_EQ(locks_set(f, &l, false), 0);
    pthread_create(&thread, NULL, take, &t);
    usleep(2000);
    l.type = LOCK_NONE;
    EXPECT_EQ(locks_set(f, &l, false), 0);
    pthread_join(thread, NULL);
    EXPECT_EQ(t.err, 0);
    locks_release_owner(f->inode, &owners[1]);
    EXPECT(f->inode->locks == NULL);
    end();
}

TEST(owners_that_would_wait_for_each_other_are_told)
{
    struct turn t = {.lock = lock_of(1, LOCK_WRITE, 0, 1), .err = 99, .hart = 1};
    struct file_lock a = lock_of(0, LOCK_WRITE, 0, 1), b = lock_of(1, LOCK_WRITE, 1, 2);
    struct file_lock other = lock_of(0, LOCK_WRITE, 1, 2);
    pthread_t thread;
    int err;

    begin();
    EXPECT_EQ(locks_set(f, &a, false), 0);
    EXPECT_EQ(locks_set(f, &b, false), 0);
    pthread_create(&thread, NULL, take, &t);
    /* Once the other waits; before, it is only in the way. */
    do {
        usleep(1000);
        file_wait_interrupted = NULL;
        err = locks_set(f, &other, false);
        EXPECT_EQ(err, -EAGAIN);
    } while (f->inode->locks == NULL);
    usleep(50000);
    EXPECT_EQ(locks_set(f, &other, true), -EDEADLK);
    locks_release_owner(f->inode, &owners[0]);
    pthread_join(thread, NULL);
    EXPECT_EQ(t.err, 0);
    locks_release_owner(f->inode, &owners[1]);
    end();
}

static bool interrupted(void) { return true; }

TEST(a_signal_ends_the_wait_for_a_lock)
{
    struct file_lock a = lock_of(0, LOCK_WRITE, 0, 1),
                     b = lock_of(1, LOCK_READ, 0, LOCK_TO_END);

    begin();
    EXPECT_EQ(locks_set(f, &a, false), 0);
    file_wait_interrupted = interrupted;
    EXPECT_EQ(locks_set(f, &b, true), -ERESTARTSYS);
    file_wait_interrupted = NULL;
    locks_release_owner(f->inode, &owners[0]);
    EXPECT(f->inode->locks == NULL);
    end();
}

TEST(flock_is_of_the_open_file_and_goes_with_it)
{
    struct file *g;

    begin();
    EXPECT_EQ(rig_open("f", O_RDONLY, &g), 0);
    EXPECT_EQ(locks_flock(f, LOCK_UN), 0);
    EXPECT_EQ(locks_flock(f, LOCK_SH), 0);
    EXPECT_EQ(locks_flock(g, LOCK_SH), 0);
    EXPECT_EQ(locks_flock(g, LOCK_EX | LOCK_NB), -EAGAIN);
    /* The attempt has cost g its own lock, as on Linux. */
    EXPECT_EQ(locks_flock(f, LOCK_EX | LOCK_NB), 0);
    EXPECT_EQ(locks_flock(g, LOCK_SH | LOCK_NB), -EAGAIN);
    EXPECT_EQ(locks_flock(g, 3), -EINVAL);
    /* Records are of another world. */
    struct file_lock l = lock_of(0, LOCK_READ, 0, LOCK_TO_END);
    EXPECT_EQ(locks_set(g, &l, false), 0);
    locks_release_owner(f->inode, &owners[0]);
    EXPECT_EQ(locks_flock(f, LOCK_SH), 0);
    EXPECT_EQ(locks_flock(g, LOCK_SH), 0);
    file_put(g);
    EXPECT_EQ(locks_flock(f, LOCK_EX | LOCK_NB), 0);
    EXPECT_EQ(locks_flock(f, LOCK_UN), 0);
    EXPECT(f->inode->locks == NULL);
    end();
}

TEST(records_of_an_open_file_go_with_it)
{
    struct file *g;

    begin();
    EXPECT_EQ(rig_open("f", O_RDWR, &g), 0);
    struct file_lock l = {
        .type = LOCK_WRITE, .ofd = true, .end = 10, .pid = -1, .owner = g};
    EXPECT_EQ(locks_set(g, &l, false), 0);
    l.owner = f;
    EXPECT_EQ(locks_set(f, &l, false), -EAGAIN);
    file_put(g);
    EXPECT_EQ(locks_set(f, &l, false), 0);
    end();
}
