/*
 * The superblock: is this an image that we read, and is it whole?
 *
 * Everything else relies on what is checked here once: blocks are no larger than pages, the
 * image ends where its device does or before, and inodes begin inside it. From then on a
 * position is good if it lies below fs->end, and no sum of two such positions wraps: an
 * image has at most 2^32 blocks of 2^12 bytes.
 */
#include "fs/erofs/format.h"
#include "fs/erofs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"

enum { BLOCK_BITS_MIN = 9, NS_PER_S = 1000000000 };

static int refuse(struct erofs *fs, int err, const char *reason)
{
    fs->reason = reason;
    return err;
}

int64_t erofs_time(int64_t seconds, uint32_t nanoseconds)
{
    int64_t ns;

    if (__builtin_mul_overflow(seconds, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, nanoseconds, &ns))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

int erofs_copy(const struct erofs *fs, uint64_t position, void *buf, size_t len)
{
    uint8_t *to = buf;

    if (!erofs_in_image(fs, position, len)) return -EIO;
    while (len > 0) {
        size_t at = position % PAGE_SIZE;
        size_t n = len < PAGE_SIZE - at ? len : PAGE_SIZE - at;
        struct erofs_page page;

        int err = fs->source->get(fs->source, position / PAGE_SIZE, &page);
        if (err) return err;
        memcpy(to, page.bytes + at, n);
        fs->source->put(fs->source, &page);
        to += n;
        position += n;
        len -= n;
    }
    return 0;
}

/* CRC-32C without the usual complement at the end, a bit at a time: this is for one block. */
static uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (; len > 0; len--) {
        crc ^= *p++;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
    }
    return crc;
}

/* From the superblock to the end of its block, with 0 where the sum stands. */
static uint32_t checksum(const uint8_t *at, size_t block_size)
{
    struct disk_super super;
    size_t len = block_size > SUPER_POSITION ? block_size - SUPER_POSITION : block_size;

    memcpy(&super, at, sizeof(super));
    super.checksum = 0;
    uint32_t crc = crc32c(~0u, &super, sizeof(super));
    return crc32c(crc, at + sizeof(super), len - sizeof(super));
}

static int check_features(struct erofs *fs, const struct disk_super *super)
{
    uint32_t unknown = super->incompat & ~(INCOMPAT_ZERO_PADDING | INCOMPAT_CHUNKS);

    if (unknown == 0) return 0;
    if (unknown & (INCOMPAT_COMPRESSION | INCOMPAT_COMPRESSED_TAILS | INCOMPAT_FRAGMENTS))
        return refuse(fs, -EINVAL, "compressed: make it without -z");
    if (unknown & INCOMPAT_DEVICES)
        return refuse(fs, -EINVAL, "parts of it are on other devices");
    return refuse(fs, -EINVAL, "it uses features that are not known here");
}

/* `at` is the superblock in its page. */
static int read_super(struct erofs *fs, const uint8_t *at)
{
    struct disk_super super;
    int err;

    memcpy(&super, at, sizeof(super));
    if (super.magic != (uint32_t)SUPER_MAGIC)
        return refuse(fs, -EINVAL, "no EROFS image");
    if (super.block_bits < BLOCK_BITS_MIN || super.block_bits > PAGE_SHIFT)
        return refuse(fs, -EINVAL, "blocks smaller than 512 bytes or larger than a page");
    size_t block_size = (size_t)1 << super.block_bits;
    if (super.compat & COMPAT_CHECKSUM && checksum(at, block_size) != super.checksum)
        return refuse(fs, -EINVAL, "the checksum of the superblock is wrong");
    err = check_features(fs, &super);
    if (err) return err;
    if (super.directory_bits != 0)
        return refuse(fs, -EINVAL, "blocks of directories that are not blocks");
    if (super.build_time_ns >= NS_PER_S)
        return refuse(fs, -EINVAL, "the time it was made is none");

    fs->block_bits = super.block_bits;
    fs->end = (uint64_t)super.nblocks << super.block_bits;
    fs->inodes_at = (uint64_t)super.inodes_block << super.block_bits;
    fs->root = super.root;
    fs->ninodes = super.ninodes;
    fs->build_time = erofs_time((int64_t)super.build_time, super.build_time_ns);
    if (fs->end > fs->source->size)
        return refuse(fs, -EINVAL, "cut short: it is longer than its device");
    if (fs->inodes_at >= fs->end)
        return refuse(fs, -EINVAL, "its inodes begin behind its end");
    return 0;
}

static int check_root(struct erofs *fs)
{
    struct erofs_inode root;

    int err = erofs_read_inode(fs, fs->root, &root);
    if (err) return refuse(fs, err, "the inode of its root cannot be read");
    if (root.kind != EROFS_DIRECTORY)
        return refuse(fs, -EINVAL, "its root is no directory");
    return 0;
}

int erofs_open(struct erofs *fs, struct erofs_source *source)
{
    struct erofs_page page;
    int err;

    static_assert(SUPER_POSITION + sizeof(struct disk_super) <= PAGE_SIZE,
                  "the superblock lies in the first page");
    *fs = (struct erofs){.source = source};
    if (source->size < SUPER_POSITION + sizeof(struct disk_super))
        return refuse(fs, -EINVAL, "no EROFS image: too short");
    err = source->get(source, 0, &page);
    if (err) return refuse(fs, err, "the superblock cannot be read");
    err = read_super(fs, page.bytes + SUPER_POSITION);
    source->put(source, &page);
    return err ? err : check_root(fs);
}
