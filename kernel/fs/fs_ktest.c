/*
 * Files on the real machine: with its mutexes, its wait queues and its address spaces. What files
 * are to do is tested on the host (tests/host/fs_*_test.c).
 */
#include "fs/cred.h"
#include "fs/file.h"
#include "fs/pipe.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "uapi/fcntl.h"

static struct walk_env env;
static struct mount *before;

static void begin(void)
{
    struct tmpfs_options options = {.mode = 0755};
    struct file_system *fs = tmpfs_create(&options);

    before = root_mount;
    assert(fs && mount_root(fs, 0, "none", "tmpfs") == 0);
    struct path top = {root_mount, root_mount->root};
    env = (struct walk_env){.root = top, .start = top, .who = &root_cred};
}

static void end(void)
{
    mount_remove_all();
    root_mount = before;
    slab_drain();
}

static long move(struct file *f, void *bytes, size_t len, bool write)
{
    struct transfer t;

    transfer_kernel(&t, bytes, len);
    return write ? file_write(f, &t) : file_read(f, &t);
}

KTEST(a_file_is_written_mapped_cut_and_gone)
{
    struct mapping_source source = {0};
    struct range r = {VA(0x100000), VA(0x100000 + 2 * PAGE_SIZE)};
    char bytes[] = "hello", found[sizeof(bytes)];
    struct file *f;

    begin();
    assert(path_make_directory(&env, "d", 0755) == 0);
    assert(path_open(&env, "d/f", O_RDWR | O_CREAT, 0644, &f) == 0);
    assert(move(f, bytes, sizeof(bytes), true) == sizeof(bytes));
    assert(path_rename(&env, "d/f", &env, "g", 0) == 0);
    assert(path_unlink(&env, "g") == 0);
    struct aspace *s = aspace_create(ASPACE_USER);
    assert(s && file_map(f, 0, 2 * PAGE_SIZE, PROT_R | PROT_W, true, &source) == 0);
    assert(aspace_map(s, r, PROT_R | PROT_W, &source) == 0);
    object_put(source.object);
    file_put(f);
    assert(aspace_read(s, r.start, found, sizeof(found)) == 0);
    assert(memcmp(found, bytes, sizeof(bytes)) == 0);
    assert(aspace_fault(s, va_add(r.start, PAGE_SIZE), PROT_R) == FAULT_BUS);
    aspace_destroy(s);
    end();
}

enum { BYTES = 1 << 20, PIECE = 5000 };

static struct file *ends[2];

static void write_all(void *arg)
{
    static uint8_t piece[PIECE];

    (void)arg;
    for (size_t done = 0; done < BYTES;) {
        size_t n = BYTES - done < PIECE ? BYTES - done : PIECE;
        for (size_t i = 0; i < n; i++) {
            piece[i] = (uint8_t)((done + i) * 7 >> 4);
        }
        assert(move(ends[1], piece, n, true) == (long)n);
        done += n;
    }
    file_put(ends[1]);
}

/* Once round the ring sixteen times, each side waiting for the other. */
KTEST(a_pipe_between_two_threads_brings_all_bytes_in_order)
{
    static uint8_t piece[3 * PAGE_SIZE];
    size_t got = 0;
    long n;

    assert(pipe_create(0, ends) == 0);
    struct thread *t = thread_create("writer", write_all, NULL);
    assert(t);
    thread_start(t);
    while ((n = move(ends[0], piece, sizeof(piece), false)) > 0) {
        for (long i = 0; i < n; i++, got++) {
            assert(piece[i] == (uint8_t)(got * 7 >> 4));
        }
    }
    assert(n == 0 && got == BYTES);
    thread_join(t);
    thread_put(t);
    file_put(ends[0]);
}

enum { MOVES = 300 };

static void move_there_and_back(void *arg)
{
    for (unsigned i = 0; i < MOVES; i++) {
        int err = path_rename(&env, "a/f", &env, "b/f", 0);
        assert(err == 0 || err == -ENOENT);
        err = path_rename(&env, "b/f", &env, arg, 0);
        assert(err == 0 || err == -ENOENT);
    }
}

/* Mutexes with several waiters, and the table of names with several harts at it. */
KTEST(threads_that_rename_one_file_lose_nothing)
{
    struct thread *t[4];
    char to[4][8] = {"a/f", "a/f", "b/g", "a/f"};
    struct path p;

    begin();
    assert(path_make_directory(&env, "a", 0755) == 0);
    assert(path_make_directory(&env, "b", 0755) == 0);
    assert(path_make(&env, "a/f", 0644, 0) == 0);
    for (unsigned i = 0; i < 4; i++) {
        t[i] = thread_create("renamer", move_there_and_back, to[i]);
        assert(t[i]);
        thread_start(t[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        thread_join(t[i]);
        thread_put(t[i]);
    }
    unsigned names = 0;
    static const char *const places[] = {"a/f", "b/f", "b/g"};
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        if (path_walk(&env, places[i], 0, &p)) continue;
        names++;
        path_put(p);
    }
    assert(names == 1);
    end();
}
