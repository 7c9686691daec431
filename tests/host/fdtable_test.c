/* Tables of descriptors. */
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
// sources: tests/host/fs/rig.c kernel/proc/fdtable.c
#include "proc/fdtable.h"

#include "fs/locks.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"

#include <stdlib.h>

static struct fd_table *t;
static unsigned released; /* files that were let go for the last time */

static void count_release(struct file *f)
{
    (void)f;
    released++;
}

static const struct file_ops ops = {.release = count_release};

static void begin(void)
{
    rig_begin();
    released = 0;
    t = fd_table_create();
    assert(t);
}

static void end(void)
{
    fd_table_put(t);
    assert(rig_end());
}

static struct file *make_file(void)
{
    struct file *f = NULL;

    return file_make_anonymous("test", &ops, O_RDWR, NULL, &f) ? NULL : f;
}

/* A file at the lowest number from `from` on. */
static int open_from(int from)
{
    int fd = fd_reserve_below(t, from, FD_MOST);

    assert(fd >= 0);
    struct file *f = make_file();
    assert(f);
    fd_install(t, fd, f, 0);
    return fd;
}

static struct file *find(int fd)
{
    struct file *f;

    if (fd_get(t, fd, &f)) return NULL;
    file_put(f);
    return f;
}

TEST(the_lowest_free_number_is_taken)
{
    begin();
    for (int i = 0; i < 200; i++) {
        assert(open_from(0) == i);
    }
    assert(fd_close(t, 70) == 0 && fd_close(t, 3) == 0 && fd_close(t, 130) == 0);
    assert(open_from(0) == 3);
    assert(open_from(0) == 70);
    assert(open_from(100) == 130);
    assert(open_from(0) == 200);
    assert(open_from(1000) == 1000);
    assert(open_from(0) == 201);
    assert(released == 3);
    end();
    assert(released == 3 + 203);
}

TEST(numbers_end_at_the_limit)
{
    begin();
    assert(fd_reserve_below(t, 0, 0) == -EMFILE);
    assert(fd_reserve_below(t, 0, 1) == 0);
    assert(fd_reserve_below(t, 0, 1) == -EMFILE);
    assert(fd_reserve_below(t, FD_MOST - 1, FD_MOST) == FD_MOST - 1);
    assert(fd_reserve_below(t, FD_MOST - 1, FD_MOST) == -EMFILE);
    fd_release(t, 0);
    fd_release(t, FD_MOST - 1);
    end();
}

TEST(what_is_reserved_is_not_open)
{
    struct file *f;

    begin();
    assert(fd_reserve_below(t, 0, FD_MOST) == 0);
    assert(fd_get(t, 0, &f) == -EBADF && fd_close(t, 0) == -EBADF);
    assert(fd_get_flags(t, 0) == -EBADF && fd_set_flags(t, 0, 1) == -EBADF);
    assert(fd_next(t, 0, &f) == -1);
    f = make_file();
    assert(f);
    assert(fd_replace(t, 0, f, 0) == -EBUSY);
    fd_close_range(t, 0, UINT32_MAX);
    assert(open_from(0) == 1);
    fd_release(t, 0);
    assert(fd_replace(t, 0, f, 0) == 0 && find(0) == f);
    end();
}

TEST(numbers_that_are_none_are_bad)
{
    static const int bad[] = {0, 1, 63, 64, 1000, FD_MOST, INT32_MAX, -1, INT32_MIN};
    struct file *f;

    begin();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert(fd_get(t, bad[i], &f) == -EBADF && fd_close(t, bad[i]) == -EBADF);
        assert(fd_get_flags(t, bad[i]) == -EBADF);
        assert(fd_set_flags(t, bad[i], 0) == -EBADF);
    }
    assert(fd_next(t, -1, &f) == -1 && fd_next(t, FD_MOST, &f) == -1);
    end();
}

TEST(replacing_closes_what_was_there)
{
    begin();
    assert(open_from(0) == 0);
    struct file *f = make_file();
    assert(f && fd_replace(t, 0, f, FD_CLOSE_ON_EXEC) == 0);
    assert(released == 1 && find(0) == f);
    assert(fd_get_flags(t, 0) == FD_CLOSE_ON_EXEC);
    struct file *g = make_file();
    assert(g && fd_replace(t, 500, g, 0) == 500 && find(500) == g);
    assert(open_from(0) == 1);
    end();
}

TEST(exec_closes_those_that_say_so)
{
    begin();
    for (int i = 0; i < 130; i++) {
        assert(open_from(0) == i);
        assert(fd_set_flags(t, i, i % 3 == 0 ? FD_CLOSE_ON_EXEC : 0) == 0);
    }
    assert(fd_get_flags(t, 3) == FD_CLOSE_ON_EXEC && fd_get_flags(t, 4) == 0);
    fd_close_on_exec(t);
    for (int i = 0; i < 130; i++) {
        assert(!find(i) == (i % 3 == 0));
    }
    assert(released == 44);
    assert(open_from(0) == 0 && fd_get_flags(t, 0) == 0);
    end();
}

TEST(ranges_are_closed_or_marked)
{
    begin();
    for (int i = 0; i < 200; i++) {
        assert(open_from(0) == i);
    }
    fd_set_range_on_exec(t, 10, 70);
    assert(fd_get_flags(t, 9) == 0 && fd_get_flags(t, 10) == 1);
    assert(fd_get_flags(t, 70) == 1 && fd_get_flags(t, 71) == 0);
    fd_close_range(t, 65, 66);
    assert(released == 2 && find(64) && !find(65) && !find(66) && find(67));
    fd_close_range(t, 100, UINT32_MAX);
    assert(released == 102 && find(99) && !find(100));
    fd_close_range(t, 5, 4);
    assert(released == 102);
    end();
}

TEST(a_clone_has_the_same_files_and_its_own_numbers)
{
    begin();
    assert(open_from(0) == 0 && open_from(70) == 70 && open_from(5000) == 5000);
    assert(fd_reserve_below(t, 0, FD_MOST) == 1);
    assert(fd_set_flags(t, 70, FD_CLOSE_ON_EXEC) == 0);
    struct fd_table *copy = fd_table_clone(t);
    struct file *f;
    assert(copy);
    assert(fd_get(copy, 5000, &f) == 0 && f == find(5000));
    file_put(f);
    assert(fd_get_flags(copy, 70) == FD_CLOSE_ON_EXEC && fd_get_flags(copy, 0) == 0);
    assert(fd_reserve_below(copy, 0, FD_MOST) == 1); /* reserved there, not here */
    fd_release(copy, 1);
    assert(fd_close(copy, 0) == 0 && find(0) && released == 0);
    fd_table_put(copy);
    assert(released == 0);
    fd_release(t, 1);
    end();
    assert(released == 3);
}

TEST(open_descriptors_are_listed_in_order)
{
    static const int numbers[] = {2, 63, 64, 700};
    struct file *f;
    int fd = -1;

    begin();
    for (unsigned i = 0; i < 4; i++) {
        assert(open_from(numbers[i]) == numbers[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        fd = fd_next(t, fd + 1, &f);
        assert(fd == numbers[i]);
        file_put(f);
    }
    assert(fd_next(t, fd + 1, &f) == -1);
    assert(fd_table_size(t) >= 701);
    end();
}

TEST(closing_any_descriptor_lets_the_owners_records_go)
{
    struct file *f, *g;

    begin();
    assert(rig_touch("/x") == 0);
    assert(rig_open("/x", O_RDWR, &f) == 0 && rig_open("/x", O_RDWR, &g) == 0);
    struct file_lock l = {LOCK_WRITE, false, 0, LOCK_TO_END, 1, t};
    assert(locks_set(f, &l, false) == 0);
    int one = fd_reserve_below(t, 0, FD_MOST);
    fd_install(t, one, f, 0);
    int two = fd_reserve_below(t, 0, FD_MOST);
    fd_install(t, two, g, 0);
    assert(fd_close(t, two) == 0);
    struct file_lock asked = {LOCK_WRITE, false, 0, LOCK_TO_END, 2, &asked};
    locks_query(f, &asked);
    assert(asked.type == LOCK_NONE);
    end();
}

TEST(the_memory_of_a_file_outlives_its_last_reference)
{
    begin();
    int fd = open_from(0);
    struct file *f = find(fd);
    fake_grace_hold = true;
    assert(fd_close(t, fd) == 0 && released == 1);
    assert(fake_grace_waiting() == 2 && !file_get_live(f)); /* with its name */
    fake_grace_hold = false;
    grace_drain();
    end();
}

/* Every allocation fails in turn; what was there before is there afterwards. */
static int grow_and_clone(void)
{
    int fd = fd_reserve_below(t, 100, FD_MOST);

    if (fd < 0) return fd;
    struct file *f = make_file();
    if (!f) {
        fd_release(t, fd);
        return -ENOMEM;
    }
    fd_install(t, fd, f, 0);
    f = make_file();
    if (!f) return -ENOMEM;
    fd = fd_replace(t, 2000, f, 0);
    if (fd < 0) {
        file_put(f);
        return fd;
    }
    struct fd_table *copy = fd_table_clone(t);
    if (!copy) return -ENOMEM;
    fd_table_put(copy);
    return 0;
}

TEST(memory_may_end_at_any_allocation)
{
    for (long budget = 0;; budget++) {
        begin();
        page_fail_after(budget);
        int err = grow_and_clone();
        page_fail_never();
        assert(err == 0 || err == -ENOMEM);
        end();
        if (err == 0) {
            assert(budget > 4);
            return;
        }
    }
}
