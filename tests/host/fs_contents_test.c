/*
 * Contents of files: read, write, map and cut, against a flat array of bytes; bad buffers, a full
 * file system and no memory in the middle of it.
 */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/uaccess.c
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/check.c kernel/mm/cursor.c
// sources: kernel/mm/fault.c kernel/mm/find.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c
// sources: kernel/mm/move.c kernel/mm/page_at.c kernel/mm/protect.c kernel/mm/query.c
// sources: kernel/mm/rmap.c kernel/mm/share.c kernel/mm/stack.c kernel/mm/table.c
// sources: tests/host/fake/tlb.c tests/host/model/kernel_half.c tests/host/fs/rig.c
// libs: -lpthread
#include "fake/uaccess.h"
#include "fs/pagecache.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>

enum { MOST = 12 * 4096 };

/* The file as it should be. */
static struct file *f;
static uint8_t model[MOST + 4096];
static uint64_t model_size;

static void open_model(const char *name)
{
    memset(model, 0, sizeof(model));
    model_size = 0;
    assert(rig_open(name, O_RDWR | O_CREAT | O_TRUNC, &f) == 0);
}

static long user_io(bool write, size_t len, uint64_t pos)
{
    struct buffer_piece piece[3];
    struct transfer t;
    size_t first = len ? test_random_below(len) : 0;

    /* In two pieces with nothing between them, which is a piece, too. */
    piece[0] = (struct buffer_piece){FAKE_USER, first};
    piece[1] = (struct buffer_piece){0, 0};
    piece[2] = (struct buffer_piece){FAKE_USER + first, len - first};
    transfer_pieces(&t, piece, len);
    return write ? file_write_at(f, &t, (int64_t)pos) : file_read_at(f, &t, (int64_t)pos);
}

static void model_write(uint64_t pos, size_t n)
{
    memcpy(model + pos, fake_user, n);
    if (n && pos + n > model_size) model_size = pos + n;
}

static void model_resize(uint64_t size)
{
    if (size < model_size) memset(model + size, 0, model_size - size);
    model_size = size;
}

static bool same(void)
{
    static uint8_t bytes[MOST + 4096];
    long n = pagecache_read_kernel(f->inode, bytes, sizeof(bytes), 0);

    return EXPECT_EQ(f->inode->size, model_size) && EXPECT_EQ(n, model_size) &&
           EXPECT(memcmp(bytes, model, model_size) == 0);
}

static void random_write(uint64_t pos, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        fake_user[i] = (char)test_random();
    }
    long n = user_io(true, len, pos);
    bool fine = n == (long)len || n == -ENOMEM || n == -ENOSPC || n == -EFAULT ||
                (n > 0 && n < (long)len);
    if (!EXPECT(fine)) printf("    write of %zu: %ld\n", len, n);
    if (n > 0) model_write(pos, (size_t)n);
}

static void random_read(uint64_t pos, size_t len)
{
    uint64_t there = pos < model_size ? model_size - pos : 0;
    size_t wanted = len < there ? len : (size_t)there;

    memset(fake_user, 0x55, fake_user_end);
    long n = user_io(false, len, pos);
    if (wanted <= fake_user_end) {
        EXPECT_EQ(n, wanted);
    } else {
        EXPECT(n == -EFAULT || (n > 0 && (size_t)n <= fake_user_end));
    }
    if (n > 0) EXPECT(memcmp(fake_user, model + pos, (size_t)n) == 0);
}

static void random_step(void)
{
    uint64_t pos = test_random_below(MOST), len = test_random_below(MOST - pos) + 1;

    if (test_random_below(3) == 0) {
        pos &= ~4095ul;
        len = (len + 4095) & ~4095ul;
        if (pos + len > MOST) len = MOST - pos;
    }
    switch (test_random_below(6)) {
    case 0:
        EXPECT_EQ(file_truncate(f, (int64_t)pos), 0);
        model_resize(pos);
        break;
    case 1:
        EXPECT_EQ(file_allocate(f, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                                (int64_t)pos, (int64_t)len),
                  0);
        if (pos < model_size) {
            memset(model + pos, 0, pos + len < model_size ? len : model_size - pos);
        }
        break;
    case 2:
        if (file_allocate(f, 0, (int64_t)pos, (int64_t)len) == 0 &&
            pos + len > model_size) {
            model_resize(pos + len);
        }
        break;
    case 3:
        random_read(pos, len);
        break;
    default:
        random_write(pos, len);
    }
}

static void random_run(unsigned steps)
{
    open_model("f");
    for (unsigned i = 0; i < steps; i++) {
        fake_user_end = test_random_below(3) ? FAKE_USER_SIZE : test_random_below(MOST);
        if (test_random_below(4) == 0) page_fail_after(test_random_below(20));
        random_step();
        page_fail_never();
        if (!same()) break;
    }
    fake_user_end = FAKE_USER_SIZE;
    file_put(f);
}

TEST(a_file_is_what_an_array_of_bytes_would_be_whatever_fails_on_the_way)
{
    rig_begin();
    random_run(3000);
    rig_end();
}

TEST(a_full_file_system_takes_what_fits_and_counts_right)
{
    struct fs_statistics s;

    rig_begin_limited(6, 0);
    random_run(3000);
    EXPECT_EQ(rig_unlink("f"), 0);
    root_mount->fs->ops->statistics(root_mount->fs, &s);
    EXPECT_EQ(s.free_blocks, 6);
    open_model("g");
    memset(fake_user, 'x', MOST);
    EXPECT_EQ(user_io(true, 8 * 4096, 100), 6 * 4096 - 100);
    EXPECT_EQ(user_io(true, 1, 7 * 4096), -ENOSPC);
    EXPECT_EQ(f->inode->size, 6 * 4096);
    EXPECT_EQ(object_npages(f->inode->pages), 6);
    EXPECT_EQ(file_allocate(f, 3, 4096, 4096), 0);
    EXPECT_EQ(user_io(true, 1, 5 * 4096), 1);
    EXPECT_EQ(user_io(true, 1, 4096), 1);
    file_put(f);
    rig_end();
}

TEST(a_sparse_file_takes_no_frames_for_its_holes)
{
    struct attributes a;

    rig_begin();
    open_model("f");
    uint64_t before = page_free_count();
    EXPECT_EQ(file_truncate(f, INT64_MAX), 0);
    EXPECT_EQ(file_truncate(f, -1), -EINVAL);
    fake_user[0] = 'a';
    EXPECT_EQ(user_io(true, 1, 1ul << 40), 1);
    EXPECT_EQ(user_io(true, 1, (uint64_t)INT64_MAX), -EINVAL);
    EXPECT(page_free_count() + 16 > before);
    EXPECT_EQ(rig_stat("f", &a), 0);
    EXPECT_EQ(a.size, INT64_MAX);
    EXPECT_EQ(a.blocks, 8);
    EXPECT_EQ(file_seek(f, 0, SEEK_HOLE), 0);
    EXPECT_EQ(file_seek(f, 1l << 40, SEEK_DATA), 1l << 40);
    EXPECT_EQ(file_seek(f, 1l << 40, SEEK_HOLE), (1l << 40) + 4096);
    EXPECT_EQ(file_seek(f, INT64_MAX, SEEK_DATA), -ENXIO);
    EXPECT_EQ(file_truncate(f, 10), 0);
    EXPECT_EQ(rig_stat("f", &a), 0);
    EXPECT_EQ(a.blocks, 0);
    file_put(f);
    rig_end();
}

TEST(appending_is_always_at_the_end)
{
    struct file *one, *two;
    char buf[16] = "";

    rig_begin();
    EXPECT_EQ(rig_open("f", O_RDWR | O_CREAT | O_APPEND, &one), 0);
    EXPECT_EQ(rig_open("f", O_WRONLY | O_APPEND, &two), 0);
    EXPECT_EQ(rig_file_write(one, "one", 3), 3);
    EXPECT_EQ(rig_file_write(two, "two", 3), 3);
    EXPECT_EQ(file_seek(one, 0, SEEK_SET), 0);
    EXPECT_EQ(rig_file_write(one, "end", 3), 3);
    EXPECT_EQ(file_seek(one, 0, SEEK_CUR), 9);
    EXPECT_EQ(file_seek(one, 0, SEEK_SET), 0);
    EXPECT_EQ(rig_file_read(one, buf, sizeof(buf)), 9);
    EXPECT_STR(buf, "onetwoend");
    EXPECT_EQ(rig_file_read(two, buf, 1), -EBADF);
    file_put(one);
    file_put(two);
    rig_end();
}

/*
 * The same pages in a program's space.
 */
static struct aspace *space;
static struct range range;

static void map_file(unsigned prot, bool shared, unsigned npages)
{
    struct mapping_source source = {0};

    EXPECT_EQ(file_map(f, 0, npages * PAGE_SIZE, prot, shared, &source), 0);
    range = (struct range){VA(0x100000), VA(0x100000 + npages * PAGE_SIZE)};
    EXPECT_EQ(aspace_map(space, range, prot, &source), 0);
    object_put(source.object);
}

static void begin_mapped(void)
{
    static bool started;

    if (!started) {
        /* The allocator first: the rig starts it. */
        rig_begin();
        rig_end();
        assert(aspace_init(3) == 0);
        started = true;
    }
    rig_begin();
    open_model("f");
    space = aspace_create(ASPACE_USER);
    assert(space);
}

static void end_mapped(void)
{
    if (f) file_put(f);
    aspace_destroy(space);
    grace_drain();
    rig_end();
}

TEST(what_is_mapped_shared_and_what_is_read_and_written_are_the_same_bytes)
{
    char buf[8] = "";

    begin_mapped();
    EXPECT_EQ(rig_file_write(f, "written", 7), 7);
    map_file(PROT_R | PROT_W, true, 1);
    EXPECT_EQ(aspace_read(space, range.start, buf, 7), 0);
    EXPECT_STR(buf, "written");
    EXPECT_EQ(aspace_write(space, range.start, "STORE", 5), 0);
    EXPECT_STR(rig_read("f"), "STOREen");
    EXPECT_EQ(file_seek(f, 0, SEEK_SET), 0);
    EXPECT_EQ(rig_file_write(f, "w", 1), 1);
    EXPECT_EQ(aspace_read(space, range.start, buf, 7), 0);
    EXPECT_STR(buf, "wTOREen");
    end_mapped();
}

TEST(what_is_cut_off_is_a_bus_error_and_comes_back_as_zeros)
{
    char buf[8] = "";

    begin_mapped();
    memset(fake_user, 'x', 3 * 4096);
    EXPECT_EQ(user_io(true, 3 * 4096, 0), 3 * 4096);
    map_file(PROT_R | PROT_W, true, 3);
    EXPECT_EQ(aspace_read(space, va_add(range.start, 8192), buf, 1), 0);
    EXPECT_EQ(file_truncate(f, 4097), 0);
    EXPECT_EQ(aspace_fault(space, va_add(range.start, 8192), PROT_R), FAULT_BUS);
    EXPECT_EQ(aspace_read(space, va_add(range.start, 4096), buf, 2), 0);
    EXPECT(buf[0] == 'x' && buf[1] == 0);
    /* A store behind the end is there, until the file grows over it. */
    EXPECT_EQ(aspace_write(space, va_add(range.start, 5000), "y", 1), 0);
    EXPECT_EQ(file_truncate(f, 3 * 4096), 0);
    EXPECT_EQ(aspace_read(space, va_add(range.start, 5000), buf, 1), 0);
    EXPECT_EQ(buf[0], 0);
    EXPECT_EQ(aspace_read(space, va_add(range.start, 8192), buf, 1), 0);
    EXPECT_EQ(buf[0], 0);
    EXPECT_EQ(aspace_write(space, va_add(range.start, 8192), "z", 1), 0);
    EXPECT_EQ(file_allocate(f, 3, 8192, 4096), 0);
    EXPECT_EQ(aspace_read(space, va_add(range.start, 8192), buf, 1), 0);
    EXPECT_EQ(buf[0], 0);
    end_mapped();
}

TEST(a_write_behind_a_gap_finds_zeros_in_it_whatever_was_stored_there)
{
    begin_mapped();
    EXPECT_EQ(rig_file_write(f, "ab", 2), 2);
    map_file(PROT_R | PROT_W, true, 1);
    EXPECT_EQ(aspace_write(space, va_add(range.start, 2), "garbage", 7), 0);
    EXPECT_EQ(file_seek(f, 8, SEEK_SET), 8);
    EXPECT_EQ(rig_file_write(f, "i", 1), 1);
    EXPECT(memcmp(rig_read("f"), "ab\0\0\0\0\0\0i", 10) == 0);
    end_mapped();
}

TEST(a_mapping_keeps_the_contents_when_name_and_descriptor_and_mount_have_gone)
{
    char buf[8] = "";

    begin_mapped();
    EXPECT_EQ(rig_file_write(f, "stays", 5), 5);
    map_file(PROT_R | PROT_W, false, 1);
    EXPECT_EQ(rig_unlink("f"), 0);
    file_put(f);
    f = NULL;
    path_put(rig_env.root);
    path_put(rig_env.start);
    mount_remove_all();
    EXPECT_EQ(aspace_read(space, range.start, buf, 5), 0);
    EXPECT_STR(buf, "stays");
    EXPECT_EQ(aspace_write(space, range.start, "S", 1), 0);
    rig_env.root = rig_env.start = (struct path){NULL, NULL};
    end_mapped();
}

TEST(a_mapping_asks_for_the_mode_that_the_file_was_opened_with)
{
    struct mapping_source source;
    struct file *ro, *wo;

    rig_begin();
    EXPECT_EQ(rig_write("f", "x"), 0);
    EXPECT_EQ(rig_open("f", O_RDONLY, &ro), 0);
    EXPECT_EQ(rig_open("f", O_WRONLY, &wo), 0);
    EXPECT_EQ(file_map(ro, 0, 4096, PROT_R | PROT_W, true, &source), -EACCES);
    EXPECT_EQ(file_map(wo, 0, 4096, PROT_R, false, &source), -EACCES);
    EXPECT_EQ(file_map(ro, 0, 4096, PROT_R | PROT_W, false, &source), 0);
    EXPECT(source.flags & TAG_MAY_W);
    object_put(source.object);
    EXPECT_EQ(file_map(ro, 0, 4096, PROT_R, true, &source), 0);
    EXPECT(!(source.flags & TAG_MAY_W));
    object_put(source.object);
    file_put(ro);
    file_put(wo);
    EXPECT_EQ(rig_open("/", O_RDONLY, &ro), 0);
    EXPECT_EQ(file_map(ro, 0, 4096, PROT_R, false, &source), -ENODEV);
    file_put(ro);
    rig_end();
}

TEST(a_write_takes_the_rights_of_a_program_away)
{
    struct attributes a;
    struct file *g;

    rig_begin();
    EXPECT_EQ(path_make(&rig_env, "f", S_IFREG | 06777, 0), 0);
    struct path p;
    EXPECT_EQ(path_walk(&rig_env, "f", 0, &p), 0);
    EXPECT_EQ(path_chmod(p, 06777, &root_cred), 0);
    path_put(p);
    rig_become(&rig_user);
    EXPECT_EQ(rig_open("f", O_WRONLY, &g), 0);
    EXPECT_EQ(rig_file_write(g, "x", 1), 1);
    file_put(g);
    EXPECT_EQ(rig_stat("f", &a), 0);
    EXPECT_EQ(a.mode, S_IFREG | 0777);
    rig_become(&root_cred);
    rig_end();
}
