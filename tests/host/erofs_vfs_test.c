/* An EROFS image, mounted: what programs see of it, and how it comes from the device. */
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
// sources: tests/host/fake/reclaim.c
// sources: tests/host/fs/rig.c
// libs: -lpthread
// sources: kernel/fs/erofs/super.c kernel/fs/erofs/inode.c kernel/fs/erofs/dir.c
// sources: kernel/fs/erofs/vfs.c kernel/fs/erofs/contents.c
// sources: tests/host/erofs_image.c
#include "erofs_image.h"
#include "fs/erofs/vfs.h"
#include "fs/pagecache.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The image as a device. */
static struct image image;
static struct erofs_device device;
static unsigned requests, pages_read, closed;
static uint64_t bad_page; /* of the device */
static const char *reason;

static int get(struct erofs_source *source, uint64_t index, struct erofs_page *out)
{
    (void)source;
    return image.source.get(&image.source, index, out);
}

static void put(struct erofs_source *source, const struct erofs_page *page)
{
    (void)source;
    image.source.put(&image.source, page);
}

static int copy_out(const struct erofs_read *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (r->index + i == bad_page) return -EIO;
        memcpy(page_ptr(r->frame[i]), image.bytes + (r->index + i) * PAGE_SIZE,
               PAGE_SIZE);
    }
    return 0;
}

static void read_pages(struct erofs_device *d, struct erofs_read *r)
{
    (void)d;
    requests++;
    pages_read += r->n;
    assert(r->n > 0 && (r->index + r->n) * PAGE_SIZE <= image.room);
    r->done(r, copy_out(r));
}

static void close_device(struct erofs_device *d)
{
    (void)d;
    closed++;
}

static int mount_image(void)
{
    struct file_system *fs;
    struct path at;

    device.source = (struct erofs_source){image.source.size, get, put};
    int err = erofs_create(&device, &fs, &reason);
    if (err) return err;
    err = path_walk(&rig_env, "/mnt", 0, &at);
    if (!err) {
        err = mount_add(fs, at, 0, "disk", "erofs");
        path_put(at);
    }
    if (err) file_system_abandon(fs);
    return err;
}

/* A machine with the zoo on /mnt. */
static void begin(unsigned block_bits, bool reads)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("/mnt"), 0);
    image_make_zoo(&image, block_bits);
    device =
        (struct erofs_device){.read = reads ? read_pages : NULL, .close = close_device};
    requests = pages_read = closed = 0;
    bad_page = ~0ul;
    EXPECT_EQ(mount_image(), 0);
}

static void end(void)
{
    rig_end();
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(image.held, 0);
    image_end(&image);
}

static struct file *open_file(const char *path)
{
    struct file *f = NULL;

    EXPECT_EQ(rig_open(path, O_RDONLY, &f), 0);
    return f;
}

/* Is the file zoo_byte() after zoo_byte(), and so long? */
static bool holds(const char *path, char letter, uint64_t size, uint64_t hole,
                  uint64_t hole_end)
{
    static uint8_t bytes[1 << 16];
    struct file *f = open_file(path);

    if (!f) return false;
    long n = rig_file_read(f, bytes, sizeof(bytes));
    bool same = EXPECT_EQ(n, size);
    for (uint64_t at = 0; same && at < size; at++) {
        bool zero = hole <= at && at < hole_end;
        same = bytes[at] == (zero ? 0 : zoo_byte(letter, at));
    }
    file_put(f);
    return same;
}

TEST(files_are_read_through_the_page_cache_whatever_the_blocks)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t block = 1ul << (9 + i / 2);
        begin(9 + i / 2, i % 2);
        EXPECT(holds("/mnt/plain", 'p', 2 * block + 100, 0, 0));
        EXPECT(holds("/mnt/inline", 'n', block + 77, 0, 0));
        EXPECT(holds("/mnt/xattrs", 'x', 100, 0, 0));
        EXPECT(holds("/mnt/chunks", 'c', 5 * block - 3, 0, 0));
        EXPECT(holds("/mnt/holes", 'h', 5 * block - 3, 2 * block, 4 * block));
        EXPECT(holds("/mnt/indexes", 'i', 5 * block - 3, 2 * block, 4 * block));
        EXPECT(holds("/mnt/indexes", 'i', 5 * block - 3, 2 * block, 4 * block));
        end();
    }
}

TEST(names_kinds_and_attributes_are_those_of_the_image)
{
    struct attributes a;
    char target[100];
    struct path p;

    begin(12, true);
    EXPECT_STR(rig_list("/mnt"), "block char chunks dir fifo holes indexes inline link "
                                 "link-long plain socket xattrs");
    EXPECT_EQ(rig_stat("/mnt/inline", &a), 0);
    EXPECT(a.mode == (S_IFREG | 0644) && a.uid == 100000 && a.gid == 200000);
    EXPECT(a.size == 4096 + 77 && a.mtime == 1234567890999999999 && a.nlink == 1);
    EXPECT_EQ(rig_stat("/mnt/block", &a), 0);
    EXPECT(a.mode == (S_IFBLK | 0600) && a.rdev == device_number(0x123, 0x845));
    EXPECT(rig_stat("/mnt/char", &a) == 0 && a.mode == (S_IFCHR | 0666));
    EXPECT(rig_stat("/mnt/fifo", &a) == 0 && a.mode == (S_IFIFO | 0600));
    EXPECT(rig_stat("/mnt/socket", &a) == 0 && a.mode == (S_IFSOCK | 0755));
    EXPECT(rig_stat("/mnt/dir", &a) == 0 && a.mode == (S_IFDIR | 0755) && a.nlink == 2);
    EXPECT(rig_stat("/mnt/link", &a) == 0 && a.mode == (S_IFLNK | 0777) && a.size == 20);
    EXPECT_EQ(path_walk(&rig_env, "/mnt/link", 0, &p), 0);
    EXPECT_EQ(path_readlink(p, target, sizeof(target)), 20);
    EXPECT_EQ(path_readlink(p, target, 7), 7);
    path_put(p);
    EXPECT_EQ(rig_stat("/mnt/nothing", &a), -ENOENT);
    EXPECT_EQ(rig_stat("/mnt/dir/nothing", &a), -ENOENT);
    end();
}

static bool count_name(void *arg, const char *name, size_t len, uint64_t ino,
                       enum inode_kind kind, uint64_t next)
{
    unsigned *count = arg;

    EXPECT(name[0] != '.' && len > 0 && ino > 0 && next > 2);
    EXPECT_EQ(kind == INODE_DIRECTORY, len == 3 && memcmp(name, "dir", 3) == 0);
    ++*count;
    return true;
}

TEST(a_list_has_no_dots)
{
    unsigned count = 0;
    struct path p;

    begin(12, true);
    EXPECT_EQ(path_walk(&rig_env, "/mnt", 0, &p), 0);
    struct inode *dir = dentry_inode(p.dentry);
    EXPECT_EQ(dir->ops->readdir(dir, p.dentry, 2, count_name, &count), 0);
    EXPECT_EQ(count, 13);
    path_put(p);
    end();
}

TEST(nothing_can_be_written)
{
    struct file *f;

    begin(12, true);
    EXPECT_EQ(rig_touch("/mnt/new"), -EROFS);
    EXPECT_EQ(rig_mkdir("/mnt/new"), -EROFS);
    EXPECT_EQ(rig_unlink("/mnt/plain"), -EROFS);
    EXPECT_EQ(rig_open("/mnt/plain", O_RDWR, &f), -EROFS);
    EXPECT_EQ(rig_open("/mnt/plain", O_RDONLY | O_TRUNC, &f), -EROFS);
    end();
}

TEST(names_of_one_file_lead_to_one_inode)
{
    begin(12, true);
    struct file *one = open_file("/mnt/plain"), *two = open_file("/mnt/dir/x");
    EXPECT(one && two && one->inode == two->inode);
    file_put(one);
    dentry_drain();
    EXPECT(holds("/mnt/dir/b", 'p', 2 * 4096 + 100, 0, 0));
    one = open_file("/mnt/dir/n");
    EXPECT(one->inode == two->inode);
    file_put(one);
    file_put(two);
    dentry_drain();
    EXPECT(holds("/mnt/dir/b", 'p', 2 * 4096 + 100, 0, 0));
    end();
}

TEST(a_file_that_only_mappings_hold_is_found_as_another)
{
    begin(12, true);
    struct file *f = open_file("/mnt/plain");
    struct object *pages = f->inode->pages;
    object_get(pages);
    file_put(f);
    dentry_drain();
    EXPECT(holds("/mnt/plain", 'p', 2 * 4096 + 100, 0, 0));
    object_put(pages);
    EXPECT(holds("/mnt/plain", 'p', 2 * 4096 + 100, 0, 0));
    end();
}

TEST(a_page_brings_those_behind_it_in_one_request)
{
    uint8_t byte;

    begin(12, true);
    struct file *f = open_file("/mnt/plain");
    EXPECT_EQ(rig_file_read(f, &byte, 1), 1);
    EXPECT(requests == 1 && pages_read == 3);
    struct page *last = object_find_page(f->inode->pages, 2);
    if (EXPECT(last)) {
        const uint8_t *bytes = page_ptr(last);
        EXPECT(bytes[99] == zoo_byte('p', 2 * 4096 + 99) && bytes[100] == 0);
        page_put(last);
    }
    file_put(f);
    EXPECT(holds("/mnt/plain", 'p', 2 * 4096 + 100, 0, 0));
    EXPECT_EQ(requests, 1);
    end();
}

TEST(what_is_there_is_not_read_again)
{
    uint8_t byte;
    struct page *p;

    begin(12, true);
    struct file *f = open_file("/mnt/plain");
    EXPECT_EQ(f->inode->pages->ops->get_page(f->inode->pages, 1, &p), 0);
    page_put(p);
    EXPECT(requests == 1 && pages_read == 2);
    EXPECT_EQ(rig_file_read(f, &byte, 1), 1);
    EXPECT(requests == 2 && pages_read == 3);
    EXPECT_EQ(f->inode->pages->ops->get_page(f->inode->pages, 3, &p), -ERANGE);
    file_put(f);
    end();
}

/* The bytes behind a file's end are not shown, whatever the image holds there. */
TEST(a_page_is_zero_behind_the_end_of_its_file)
{
    begin(12, true);
    struct file *f = open_file("/mnt/chunks");
    struct page *p;
    memset(image.bytes + 4 * PAGE_SIZE, 0x55, image.room - 4 * PAGE_SIZE);
    EXPECT_EQ(f->inode->pages->ops->get_page(f->inode->pages, 4, &p), 0);
    const uint8_t *bytes = page_ptr(p);
    EXPECT(bytes[4092] == 0x55 && bytes[4093] == 0 && bytes[4095] == 0);
    page_put(p);
    file_put(f);
    end();
}

TEST(a_bad_block_hurts_only_who_wants_it)
{
    uint8_t buf[3 * PAGE_SIZE];
    struct erofs_extent at = {0};
    struct erofs_inode inode;
    struct erofs fs;

    begin(12, true);
    struct file *f = open_file("/mnt/plain");
    EXPECT_EQ(erofs_open(&fs, &device.source), 0);
    EXPECT_EQ(erofs_read_inode(&fs, f->inode->ino, &inode), 0);
    EXPECT_EQ(erofs_map(&fs, &inode, 0, &at), 0);
    bad_page = at.position / PAGE_SIZE + 1;
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), PAGE_SIZE);
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), -EIO);
    f->pos = 2 * PAGE_SIZE;
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), 100);
    bad_page = ~0ul;
    f->pos = PAGE_SIZE;
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), PAGE_SIZE + 100);
    file_put(f);
    end();
}

TEST(an_image_that_is_none_is_refused_and_the_device_stays_the_callers)
{
    begin(12, true);
    struct file_system *fs;
    image_put(&image, 1024, 4, 0);
    EXPECT_EQ(erofs_create(&device, &fs, &reason), -EINVAL);
    EXPECT_STR(reason, "no EROFS image");
    EXPECT_EQ(closed, 0);
    end();
}

/*
 * A large file: an image that is one file, and a device that answers when it is told to.
 */
enum { LARGE_PAGES = 200, HELD_REQUESTS = 8 };

static struct erofs_read *held[HELD_REQUESTS];
static unsigned nheld;

static void hold_pages(struct erofs_device *d, struct erofs_read *r)
{
    (void)d;
    requests++;
    pages_read += r->n;
    assert(__atomic_load_n(&nheld, __ATOMIC_RELAXED) < HELD_REQUESTS);
    held[nheld] = r;
    __atomic_fetch_add(&nheld, 1, __ATOMIC_RELEASE);
}

static void answer_all(void)
{
    for (unsigned i = 0; i < nheld; i++) {
        held[i]->done(held[i], copy_out(held[i]));
    }
    __atomic_store_n(&nheld, 0, __ATOMIC_RELEASE);
}

static void make_large(void)
{
    static uint8_t bytes[LARGE_PAGES * PAGE_SIZE], dir[4096];
    struct make_inode file = {
        .mode = S_IFREG | 0644, .size = sizeof(bytes), .layout = MAKE_PLAIN};

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = zoo_byte('l', i);
    }
    image_begin(&image, 12, (LARGE_PAGES + 8) * PAGE_SIZE, 2);
    file.where = image_add_blocks(&image, bytes, sizeof(bytes));
    uint64_t nid = image_add_inode(&image, &file);
    struct make_inode root = {.mode = S_IFDIR | 0755, .nlink = 2};
    struct make_entry entries[] = {{0, 2, "."}, {0, 2, ".."}, {nid, 1, "large"}};
    root.size = image_make_dir(dir, entries, ARRAY_SIZE(entries));
    root.where = image_add_blocks(&image, dir, root.size);
    image_seal(&image, image_add_inode(&image, &root));
}

static void begin_large(void (*read)(struct erofs_device *, struct erofs_read *))
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("/mnt"), 0);
    make_large();
    device = (struct erofs_device){.read = read, .close = close_device};
    requests = pages_read = closed = 0;
    bad_page = ~0ul;
    EXPECT_EQ(mount_image(), 0);
}

TEST(who_reads_in_order_gets_larger_and_larger_pieces)
{
    static uint8_t page[PAGE_SIZE];

    begin_large(read_pages);
    struct file *f = open_file("/mnt/large");
    for (unsigned i = 0; i < LARGE_PAGES; i++) {
        EXPECT_EQ(rig_file_read(f, page, PAGE_SIZE), PAGE_SIZE);
        EXPECT_EQ(page[17], zoo_byte('l', (uint64_t)i * PAGE_SIZE + 17));
    }
    /* 8, 16, 32, then two of 32 at a time, and what is left */
    EXPECT(requests == 8 && pages_read == LARGE_PAGES);
    file_put(f);
    end();
}

TEST(who_jumps_gets_small_pieces)
{
    struct page *p;

    begin_large(read_pages);
    struct file *f = open_file("/mnt/large");
    struct object *o = inode_pages(f->inode);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(o->ops->get_page(o, 150 - i * 40, &p), 0);
        page_put(p);
    }
    EXPECT(requests == 4 && pages_read == 4 * 8);
    file_put(f);
    end();
}

struct reader {
    pthread_t thread;
    struct object *object;
    uint64_t index;
    int err;
    uint32_t over; /* atomic */
};

static void *read_page(void *arg)
{
    struct reader *r = arg;
    struct page *p;

    fake_hart = 1 + (unsigned)(r->index % 2);
    r->err = r->object->ops->get_page(r->object, r->index, &p);
    if (!r->err) page_put(p);
    __atomic_store_n(&r->over, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void begin_reader(struct reader *r, struct object *o, uint64_t index)
{
    *r = (struct reader){.object = o, .index = index};
    assert(pthread_create(&r->thread, NULL, read_page, r) == 0);
}

static void wait_for_requests(unsigned n)
{
    while (__atomic_load_n(&nheld, __ATOMIC_ACQUIRE) < n) {
        usleep(1000);
    }
}

TEST(who_misses_a_page_that_is_on_its_way_waits_for_it)
{
    struct reader one, two;

    begin_large(hold_pages);
    struct file *f = open_file("/mnt/large");
    struct object *o = inode_pages(f->inode);
    begin_reader(&one, o, 0);
    wait_for_requests(1);
    begin_reader(&two, o, 5);
    usleep(50000);
    EXPECT_EQ(__atomic_load_n(&two.over, __ATOMIC_ACQUIRE), 0);
    EXPECT_EQ(requests, 1);
    answer_all();
    pthread_join(one.thread, NULL);
    pthread_join(two.thread, NULL);
    EXPECT(one.err == 0 && two.err == 0);
    EXPECT(requests == 1 && pages_read == 8);
    file_put(f);
    end();
}

TEST(requests_of_one_file_have_no_page_in_common)
{
    struct reader one, two;

    begin_large(hold_pages);
    struct file *f = open_file("/mnt/large");
    struct object *o = inode_pages(f->inode);
    begin_reader(&one, o, 20);
    wait_for_requests(1);
    begin_reader(&two, o, 17);
    wait_for_requests(2);
    EXPECT_EQ(pages_read, 8 + 3);
    answer_all();
    pthread_join(one.thread, NULL);
    pthread_join(two.thread, NULL);
    EXPECT(one.err == 0 && two.err == 0);
    file_put(f);
    end();
}

TEST(a_file_may_go_while_pages_of_it_are_read_for_nobody)
{
    static uint8_t page[PAGE_SIZE];
    struct reader reader;

    begin_large(read_pages);
    struct file *f = open_file("/mnt/large");
    for (unsigned i = 0; i < 8 + 16; i++) {
        EXPECT_EQ(rig_file_read(f, page, PAGE_SIZE), PAGE_SIZE);
    }
    EXPECT_EQ(requests, 2);
    device.read = hold_pages;
    begin_reader(&reader, inode_pages(f->inode), 24);
    wait_for_requests(1);
    answer_all();
    pthread_join(reader.thread, NULL);
    begin_reader(&reader, inode_pages(f->inode), 56);
    wait_for_requests(2);
    held[0]->done(held[0], copy_out(held[0]));
    pthread_join(reader.thread, NULL);
    file_put(f);
    dentry_drain();
    held[1]->done(held[1], copy_out(held[1]));
    nheld = 0;
    end();
}

TEST(pages_that_nobody_uses_are_given_back_and_brought_again)
{
    static uint8_t page[PAGE_SIZE];
    struct page *p;

    begin_large(read_pages);
    struct file *f = open_file("/mnt/large");
    while (rig_file_read(f, page, PAGE_SIZE) == PAGE_SIZE) {
    }
    struct object *o = inode_pages(f->inode);
    EXPECT_EQ(o->ops->get_page(o, 3, &p), 0); /* in use */
    uint64_t gone = objects_reclaim(10);
    EXPECT(gone >= 10 && gone < 10 + 16);
    while (objects_reclaim(1000) > 0) {
    }
    for (unsigned i = 0; i < LARGE_PAGES; i++) {
        struct page *there = object_find_page(o, i);
        EXPECT_EQ(there != NULL, i == 3);
        if (there) page_put(there);
    }
    page_put(p);
    f->pos = 0;
    EXPECT_EQ(rig_file_read(f, page, PAGE_SIZE), PAGE_SIZE);
    EXPECT_EQ(page[99], zoo_byte('l', 99));
    file_put(f);
    end();
}

TEST(a_page_that_was_looked_up_stays_once_more)
{
    struct page *p;

    begin_large(read_pages);
    struct file *f = open_file("/mnt/large");
    struct object *o = inode_pages(f->inode);
    EXPECT_EQ(o->ops->get_page(o, 0, &p), 0);
    page_put(p);
    page_put(object_find_page(o, 7));
    EXPECT_EQ(objects_reclaim(1), 6);
    EXPECT(!object_find_page(o, 1));
    p = object_find_page(o, 7);
    if (EXPECT(p)) page_put(p);
    EXPECT_EQ(objects_reclaim(1), 1); /* the first, which nobody has come back for */
    p = object_find_page(o, 7);
    if (EXPECT(p)) page_put(p);
    file_put(f);
    end();
}

TEST(memory_that_is_short_does_not_hold_a_file)
{
    static uint8_t page[PAGE_SIZE];

    begin_large(read_pages);
    struct file *f = open_file("/mnt/large");
    uint64_t free = page_free_count();
    fake_memory_is_short = true;
    while (rig_file_read(f, page, PAGE_SIZE) == PAGE_SIZE) {
    }
    fake_memory_is_short = false;
    EXPECT(f->pos == LARGE_PAGES * PAGE_SIZE && free - page_free_count() < 150);
    file_put(f);
    end();
}

static int use_all(void)
{
    struct file *f;
    uint8_t buf[64];
    struct attributes a;

    int err = mount_image();
    if (err) return err;
    err = rig_stat("/mnt/dir/x", &a);
    if (!err) err = rig_open("/mnt/chunks", O_RDONLY, &f);
    if (err) return err;
    long n = rig_file_read(f, buf, sizeof(buf));
    file_put(f);
    return n < 0 ? (int)n : 0;
}

TEST(each_allocation_that_fails_is_an_error_and_loses_nothing)
{
    for (uint64_t budget = 0;; budget++) {
        rig_begin();
        EXPECT_EQ(rig_mkdir("/mnt"), 0);
        image_make_zoo(&image, 12);
        device = (struct erofs_device){.read = read_pages, .close = close_device};
        closed = 0;
        page_fail_after(budget);
        int err = use_all();
        page_fail_never();
        EXPECT(err == 0 || err == -ENOMEM);
        bool clean = rig_end();
        EXPECT(closed <= 1 && image.held == 0);
        image_end(&image);
        if (!clean || err == 0) break;
    }
}

TEST(each_page_of_the_device_that_fails_is_an_error_and_loses_nothing)
{
    for (long failing = 0;; failing++) {
        rig_begin();
        EXPECT_EQ(rig_mkdir("/mnt"), 0);
        image_make_zoo(&image, 12);
        device = (struct erofs_device){.close = close_device};
        image.failing = failing;
        int err = use_all();
        EXPECT(err == 0 || err == -EIO);
        EXPECT(rig_end() && image.held == 0);
        bool all = image.gets <= failing;
        image_end(&image);
        if (all) {
            EXPECT_EQ(err, 0);
            break;
        }
    }
}
