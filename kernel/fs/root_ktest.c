/*
 * A root on a disk, where the machine has one: a disk "root" whose image has a file "numbers", each 8
 * bytes of which are their own number. It may be larger than memory. tools/guest-test makes
 * both kinds. What an overlay is to do is tested on the host (tests/host/fs_overlay_test.c).
 */
#include "fs/root.h"

#include "drivers/virtio_blk.h"
#include "fs/cred.h"
#include "fs/file.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "uapi/fcntl.h"

enum { WORDS = PAGE_SIZE / sizeof(uint64_t), READERS = 3 };

static struct walk_env env;
static struct mount *before;

/* False: there is no such disk. */
static bool begin(void)
{
    const char *reason;

    if (!blk_find("root")) return false;
    before = root_mount;
    int err = root_mount_erofs("root", &reason);
    assert(err == 0);
    struct path top = {root_mount, root_mount->root};
    env = (struct walk_env){.root = top, .start = top, .who = &root_cred};
    return true;
}

static void end(void)
{
    mount_remove_all();
    root_mount = before;
    slab_drain();
}

static struct file *open_numbers(unsigned flags)
{
    struct file *f;
    int err = path_open(&env, "numbers", flags, 0, &f);

    assert(err == 0);
    return f;
}

static bool are_numbers(const uint64_t *words, size_t n, uint64_t first)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i] != first + i) return false;
    }
    return true;
}

/* All of the file, page by page, into one of the reader's. */
static void read_numbers(struct inode *i, uint64_t *words)
{
    uint64_t npages = inode_read_size(i) / PAGE_SIZE;

    for (uint64_t at = 0; at < npages; at++) {
        long n = pagecache_read_kernel(i, words, PAGE_SIZE, at * PAGE_SIZE);
        assert(n == PAGE_SIZE && are_numbers(words, WORDS, at * WORDS));
    }
}

static void read_all(void *arg)
{
    uint64_t *words = kmalloc(PAGE_SIZE);

    assert(words);
    read_numbers(arg, words);
    kfree(words);
}

KTEST(threads_that_read_a_file_of_a_disk_together_get_what_is_on_it)
{
    struct thread *t[READERS];

    if (!begin()) return;
    struct file *f = open_numbers(O_RDONLY);
    for (unsigned i = 0; i < READERS; i++) {
        t[i] = thread_create("reader", read_all, f->inode);
        assert(t[i]);
        thread_start(t[i]);
    }
    for (unsigned i = 0; i < READERS; i++) {
        thread_join(t[i]);
        thread_put(t[i]);
    }
    file_put(f);
    end();
}

KTEST(a_file_of_a_disk_is_mapped)
{
    enum { WINDOW = 64 };
    struct mapping_source source = {0};
    struct range r = {VA(0x100000), VA(0x100000 + WINDOW * PAGE_SIZE)};

    if (!begin()) return;
    struct file *f = open_numbers(O_RDONLY);
    uint64_t *words = kmalloc(PAGE_SIZE);
    struct aspace *s = aspace_create(ASPACE_USER);
    uint64_t npages = inode_read_size(f->inode) / PAGE_SIZE;
    assert(words && s);
    for (uint64_t from = 0; from + WINDOW <= npages; from += WINDOW) {
        int err =
            file_map(f, from * PAGE_SIZE, WINDOW * PAGE_SIZE, PROT_R, false, &source);
        assert(err == 0 && aspace_map(s, r, PROT_R, &source) == 0);
        object_put(source.object);
        for (uint64_t i = 0; i < WINDOW; i += 5) {
            assert(aspace_read(s, va_add(r.start, i * PAGE_SIZE), words, PAGE_SIZE) == 0);
            assert(are_numbers(words, WORDS, (from + i) * WORDS));
        }
        assert(aspace_unmap(s, r) == 0);
    }
    aspace_destroy(s);
    kfree(words);
    file_put(f);
    end();
}

KTEST(a_disk_that_cannot_be_written_is_written_over)
{
    struct file *f;

    if (!begin()) return;
    assert(path_make(&env, "new", 0644, 0) == 0);
    assert(path_rename(&env, "new", &env, "numbers", 0) == 0);
    f = open_numbers(O_RDWR);
    assert(inode_read_size(f->inode) == 0);
    assert(pagecache_write_kernel(f->inode, "text", 4, 0) == 4);
    file_put(f);
    assert(path_unlink(&env, "numbers") == 0);
    assert(path_open(&env, "numbers", O_RDONLY, 0, &f) == -ENOENT);
    end();

    if (!begin()) return;
    f = open_numbers(O_RDONLY);
    assert(inode_read_size(f->inode) > PAGE_SIZE);
    file_put(f);
    end();
}

/* Once it is there. Bringing it is a matter of time, not of instructions. */
KBENCH(reading_a_page_of_a_file_of_a_disk, 1650)
{
    uint64_t *words = kmalloc(PAGE_SIZE), at = 0;
    struct file *f = begin() ? open_numbers(O_RDONLY) : NULL;
    long n = 0;

    assert(words);
    if (f) read_numbers(f->inode, words);
    BENCH(b, 400)
    {
        if (f) n = pagecache_read_kernel(f->inode, words, PAGE_SIZE, at++ * PAGE_SIZE);
    }
    assert(!f || n == PAGE_SIZE);
    kfree(words);
    if (!f) return;
    file_put(f);
    end();
}
