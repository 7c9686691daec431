/*
 * An EROFS image on a disk: what is asked of the disk, and what comes of its errors. The disk is this
 * file's: bytes in memory, sectors that cannot be read, and a limit of pieces.
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
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fake/reclaim.c
// sources: tests/host/fs/rig.c
// libs: -lpthread
// sources: kernel/fs/erofs/super.c kernel/fs/erofs/inode.c kernel/fs/erofs/dir.c
// sources: kernel/fs/erofs/vfs.c kernel/fs/erofs/contents.c kernel/fs/erofs/block.c
// sources: tests/host/erofs_image.c
#include "drivers/virtio_blk.h"
#include "erofs_image.h"
#include "fs/erofs/block.h"
#include "fs/erofs/vfs.h"
#include "fs/pagecache.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/fcntl.h"

struct blk {
    const uint8_t *bytes;
    uint64_t sectors;
    unsigned most_pieces;
    unsigned requests, pieces; /* so far */
    uint64_t bad;              /* this sector cannot be read */
};

static struct image image;
static struct blk disk;

uint64_t blk_sectors(const struct blk *b) { return b->sectors; }
unsigned blk_most_pieces(const struct blk *b) { return b->most_pieces; }

static int serve(struct blk *b, const struct blk_request *r)
{
    uint64_t sector = r->sector;

    EXPECT(r->op == BLK_READ && r->npieces > 0 && r->npieces <= b->most_pieces);
    b->requests++;
    b->pieces += r->npieces;
    for (unsigned i = 0; i < r->npieces; i++) {
        const struct virtio_piece *p = &r->pieces[i];
        EXPECT(p->len > 0 && p->len % BLK_SECTOR == 0);
        uint64_t end = sector + p->len / BLK_SECTOR;
        if (end > b->sectors || (sector <= b->bad && b->bad < end)) return -EIO;
        memcpy(pa_to_ptr(p->at), b->bytes + sector * BLK_SECTOR, p->len);
        sector = end;
    }
    return 0;
}

void blk_submit(struct blk *b, struct blk_request *r)
{
    r->err = serve(b, r);
    r->done(r);
}

int blk_wait(struct blk *b, struct blk_request *r) { return serve(b, r); }

static int mount_disk(void)
{
    struct erofs_device *device = erofs_block_create(&disk);
    struct file_system *fs;
    const char *reason;
    struct path at;

    if (!device) return -ENOMEM;
    int err = erofs_create(device, &fs, &reason);
    if (err) {
        erofs_block_destroy(device);
        return err;
    }
    err = path_walk(&rig_env, "/mnt", 0, &at);
    if (!err) {
        err = mount_add(fs, at, 0, "disk", "erofs");
        path_put(at);
    }
    if (err) file_system_abandon(fs);
    return err;
}

static void begin(unsigned block_bits, unsigned most_pieces)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("/mnt"), 0);
    image_make_zoo(&image, block_bits);
    disk = (struct blk){.bytes = image.bytes,
                        .sectors = image.source.size / BLK_SECTOR,
                        .most_pieces = most_pieces,
                        .bad = UINT64_MAX};
}

static bool end(void)
{
    bool clean = rig_end();

    image_end(&image);
    return clean;
}

static bool holds(const char *path, char letter, uint64_t size)
{
    const char *bytes = rig_read(path);

    for (uint64_t at = 0; bytes && at < size; at++) {
        if ((uint8_t)bytes[at] != zoo_byte(letter, at)) return false;
    }
    return bytes != NULL;
}

enum { SCATTERED = 60 };
static struct page *between[SCATTERED];

/* The frames that come next do not lie side by side. */
static void scatter_frames(void)
{
    for (unsigned i = 0; i < SCATTERED; i++) {
        between[i] = page_alloc(PAGE_KERNEL);
    }
    for (unsigned i = 0; i < SCATTERED; i += 2) {
        page_put(between[i]);
    }
}

static void end_scattering(void)
{
    for (unsigned i = 1; i < SCATTERED; i += 2) {
        page_put(between[i]);
    }
}

TEST(a_disk_is_read_whatever_it_takes_at_once_and_whatever_the_blocks)
{
    static const unsigned most[] = {1, 2, 7, 32};

    for (unsigned i = 0; i < 4 * ARRAY_SIZE(most); i++) {
        unsigned bits = 9 + i / 4;
        uint64_t block = 1ul << bits;
        begin(bits, most[i % 4]);
        scatter_frames();
        EXPECT_EQ(mount_disk(), 0);
        EXPECT(holds("/mnt/plain", 'p', 2 * block + 100));
        EXPECT(holds("/mnt/inline", 'n', block + 77));
        EXPECT(holds("/mnt/chunks", 'c', 5 * block - 3));
        EXPECT_STR(rig_list("/mnt"),
                   "block char chunks dir fifo holes indexes inline link "
                   "link-long plain socket xattrs");
        end_scattering();
        end();
    }
}

TEST(what_describes_files_is_read_once)
{
    begin(12, 32);
    EXPECT_EQ(mount_disk(), 0);
    EXPECT_STR(rig_list("/mnt/dir"), rig_list("/mnt/dir"));
    unsigned before = disk.requests;
    dentry_drain();
    EXPECT(rig_there("/mnt/dir/x") && rig_there("/mnt/link") && rig_list("/mnt"));
    EXPECT_EQ(disk.requests, before);
    while (objects_reclaim(1000) > 0) {
    }
    dentry_drain();
    EXPECT(rig_there("/mnt/dir/x"));
    EXPECT(disk.requests > before);
    end();
}

TEST(frames_side_by_side_are_one_piece)
{
    begin(12, 32);
    page_drain();
    EXPECT_EQ(mount_disk(), 0);
    EXPECT(rig_there("/mnt/plain"));
    unsigned requests = disk.requests, pieces = disk.pieces;
    EXPECT(holds("/mnt/plain", 'p', 2 * 4096 + 100));
    EXPECT(disk.requests == requests + 1 && disk.pieces == pieces + 1);
    end();
}

/* One sector after the other cannot be read: some calls fail, and nothing else happens. */
TEST(a_sector_that_cannot_be_read_is_an_error_for_who_needs_it)
{
    unsigned failed = 0;

    begin(12, 32);
    uint64_t sectors = disk.sectors;
    end();
    for (uint64_t bad = 0; bad < sectors; bad += 3) {
        begin(12, 32);
        disk.bad = bad;
        int err = mount_disk();
        EXPECT(err == 0 || err == -EIO);
        const char *bytes = err ? NULL : rig_read("/mnt/plain");
        if (!bytes || (uint8_t)bytes[5] != zoo_byte('p', 5)) failed++;
        if (!end()) break;
    }
    EXPECT(failed > 0 && failed < sectors / 6);
}

TEST(a_disk_that_is_shorter_than_its_image_is_refused)
{
    begin(12, 32);
    disk.sectors -= 9;
    EXPECT_EQ(mount_disk(), -EINVAL);
    disk.sectors = 1;
    EXPECT_EQ(mount_disk(), -EINVAL);
    disk.sectors = 0;
    EXPECT_EQ(mount_disk(), -EINVAL);
    end();
}

TEST(each_allocation_that_fails_is_an_error_and_loses_nothing)
{
    for (uint64_t budget = 0;; budget++) {
        struct file *f;
        char bytes[100];
        begin(12, 32);
        page_fail_after(budget);
        int err = mount_disk();
        if (!err) err = rig_open("/mnt/inline", O_RDONLY, &f);
        if (!err) {
            long n = rig_file_read(f, bytes, sizeof(bytes));
            err = n < 0 ? (int)n : 0;
            file_put(f);
        }
        page_fail_never();
        EXPECT(err == 0 || err == -ENOMEM);
        if (!end() || err == 0) break;
    }
}
