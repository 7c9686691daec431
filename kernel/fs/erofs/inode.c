/*
 * Inodes, and where the contents of files are.
 *
 *     plain    | byte 0 .................................... size |   in blocks, from `start`
 *     inline   | byte 0 ......... tail_from | tail_from ...  size |   the rest behind the inode
 *     chunks   | chunk | chunk | hole | chunk | ...  size |           each where the map says
 *
 * A plain file is one whose tail is empty, so there are two cases and not three. All that an
 * inode says of its contents is checked when it is read: blocks, tail and chunk map lie in the
 * image. What remains for erofs_map() is an entry of the chunk map.
 *
 * A tail lies in one block. That makes blocks of directories, tails among them, pieces of
 * one page each (dir.c).
 */
#include "fs/erofs/format.h"
#include "fs/erofs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"

enum { MODE_KIND_SHIFT = 12, MODE_PERMISSIONS = 07777, NS_PER_S = 1000000000 };

/* What both sizes of inodes have, and where it ends: there the xattrs begin. */
struct raw_inode {
    uint16_t format, mode;
    uint32_t where;
    uint64_t xattr_size;
    uint64_t end;
};

static uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The kinds in st_mode of the Linux ABI. */
static enum erofs_kind kind_of(uint16_t mode)
{
    switch (mode >> MODE_KIND_SHIFT) {
    case 001:
        return EROFS_FIFO;
    case 002:
        return EROFS_CHAR;
    case 004:
        return EROFS_DIRECTORY;
    case 006:
        return EROFS_BLOCK;
    case 010:
        return EROFS_REGULAR;
    case 012:
        return EROFS_SYMLINK;
    case 014:
        return EROFS_SOCKET;
    default:
        return EROFS_UNKNOWN;
    }
}

static int read_compact(const struct erofs *fs, uint64_t at, struct raw_inode *raw,
                        struct erofs_inode *out)
{
    struct disk_inode_compact disk;

    int err = erofs_copy(fs, at, &disk, sizeof(disk));
    if (err) return err;
    raw->where = disk.where;
    raw->end = at + sizeof(disk);
    out->size = disk.size;
    out->uid = disk.uid;
    out->gid = disk.gid;
    out->nlink = disk.nlink;
    out->mtime = fs->build_time;
    return 0;
}

static int read_extended(const struct erofs *fs, uint64_t at, struct raw_inode *raw,
                         struct erofs_inode *out)
{
    struct disk_inode_extended disk;

    int err = erofs_copy(fs, at, &disk, sizeof(disk));
    if (err) return err;
    if (disk.mtime_ns >= NS_PER_S) return -EIO;
    raw->where = disk.where;
    raw->end = at + sizeof(disk);
    out->size = disk.size;
    out->uid = disk.uid;
    out->gid = disk.gid;
    out->nlink = disk.nlink;
    out->mtime = erofs_time((int64_t)disk.mtime, disk.mtime_ns);
    return 0;
}

static int read_raw(const struct erofs *fs, uint64_t nid, struct raw_inode *raw,
                    struct erofs_inode *out)
{
    uint16_t head[3]; /* format, xattr_count and mode are at the same place in both */

    if (nid > (fs->end - fs->inodes_at) / NID_SIZE) return -EIO;
    uint64_t at = fs->inodes_at + nid * NID_SIZE;
    int err = erofs_copy(fs, at, head, sizeof(head));
    if (err) return err;

    *raw = (struct raw_inode){.format = head[0], .mode = head[2]};
    if (head[1] > 0) raw->xattr_size = XATTR_HEADER + (head[1] - 1) * 4ul;
    if (raw->format & ~FORMAT_KNOWN) return -EOPNOTSUPP;
    err = raw->format & FORMAT_EXTENDED ? read_extended(fs, at, raw, out)
                                        : read_compact(fs, at, raw, out);
    if (err) return err;
    return erofs_in_image(fs, raw->end, raw->xattr_size) ? 0 : -EIO;
}

static int place_flat(const struct erofs *fs, const struct raw_inode *raw,
                      struct erofs_inode *out)
{
    uint64_t block_size = erofs_block_size(fs);
    bool has_tail = raw->format >> FORMAT_LAYOUT_SHIFT == LAYOUT_INLINE && out->size > 0;

    out->tail = raw->end + raw->xattr_size;
    out->tail_from = has_tail ? (out->size - 1) & ~(block_size - 1) : out->size;
    uint64_t tail_len = out->size - out->tail_from;
    if (tail_len > block_size - out->tail % block_size) return -EIO;
    if (!erofs_in_image(fs, out->tail, tail_len)) return -EIO;

    /* Without blocks the number of the first one means nothing. */
    if (out->tail_from > 0) {
        out->start = (uint64_t)raw->where << fs->block_bits;
        if (!erofs_in_image(fs, out->start, out->tail_from)) return -EIO;
    }
    return 0;
}

static int place_chunks(const struct erofs *fs, const struct raw_inode *raw,
                        struct erofs_inode *out)
{
    if (raw->where & ~CHUNK_KNOWN) return -EOPNOTSUPP;
    out->in_chunks = true;
    out->chunk_bits = (uint8_t)(fs->block_bits + (raw->where & CHUNK_BITS));
    out->chunk_map_entry =
        raw->where & CHUNK_INDEXES ? sizeof(struct disk_chunk_index) : sizeof(uint32_t);

    uint64_t align = out->chunk_map_entry - 1;
    out->start = (raw->end + raw->xattr_size + align) & ~align;
    if (out->size == 0) return 0;
    uint64_t nchunks = ((out->size - 1) >> out->chunk_bits) + 1; /* below 2^55 */
    return erofs_in_image(fs, out->start, nchunks * out->chunk_map_entry) ? 0 : -EIO;
}

/* Contents, for the kinds that have some. */
static int place_contents(const struct erofs *fs, const struct raw_inode *raw,
                          struct erofs_inode *out)
{
    if (out->size > INT64_MAX) return -EIO;
    if (out->kind == EROFS_SYMLINK && (out->size == 0 || out->size > EROFS_LINK_LIMIT))
        return -EIO;
    switch (raw->format >> FORMAT_LAYOUT_SHIFT) {
    case LAYOUT_PLAIN:
    case LAYOUT_INLINE:
        return place_flat(fs, raw, out);
    case LAYOUT_CHUNKS:
        /* Chunks could show one block a billion times: as a directory, nearly for ever. */
        return out->kind == EROFS_DIRECTORY ? -EIO : place_chunks(fs, raw, out);
    default:
        return -EOPNOTSUPP;
    }
}

/* As Linux packs it: twelve bits of the major number in the middle of the minor one. */
static void read_device(uint32_t number, struct erofs_inode *out)
{
    out->rdev_major = number >> 8 & 0xfff;
    out->rdev_minor = (number & 0xff) | (number >> 12 & 0xfff00);
}

int erofs_read_inode(const struct erofs *fs, uint64_t nid, struct erofs_inode *out)
{
    struct raw_inode raw;

    *out = (struct erofs_inode){.nid = nid};
    int err = read_raw(fs, nid, &raw, out);
    if (err) return err;

    out->kind = kind_of(raw.mode);
    out->mode = raw.mode & MODE_PERMISSIONS;
    if (out->nlink == 0) return -EIO;
    switch (out->kind) {
    case EROFS_REGULAR:
    case EROFS_DIRECTORY:
    case EROFS_SYMLINK:
        return place_contents(fs, &raw, out);
    case EROFS_CHAR:
    case EROFS_BLOCK:
        read_device(raw.where, out);
        break;
    case EROFS_FIFO:
    case EROFS_SOCKET:
        break;
    default:
        return -EIO;
    }
    out->size = 0;
    return 0;
}

/* offset < inode->size */
static int map_chunk(const struct erofs *fs, const struct erofs_inode *inode,
                     uint64_t offset, struct erofs_extent *out)
{
    struct disk_chunk_index index = {0};
    uint64_t chunk = offset >> inode->chunk_bits;
    uint64_t start = chunk << inode->chunk_bits;
    uint64_t entry = inode->start + chunk * inode->chunk_map_entry;
    bool is_index = inode->chunk_map_entry == sizeof(index);

    int err = is_index ? erofs_copy(fs, entry, &index, sizeof(index))
                       : erofs_copy(fs, entry, &index.block, sizeof(index.block));
    if (err) return err;
    if (index.device != 0) return -EIO;

    uint64_t chunk_len = min(inode->size - start, 1ul << inode->chunk_bits);
    *out = (struct erofs_extent){.len = start + chunk_len - offset};
    out->hole = index.block == (uint32_t)NO_BLOCK;
    if (out->hole) return 0;
    uint64_t position = (uint64_t)index.block << fs->block_bits;
    if (!erofs_in_image(fs, position, chunk_len)) return -EIO;
    out->position = position + (offset - start);
    return 0;
}

int erofs_map(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
              struct erofs_extent *out)
{
    *out = (struct erofs_extent){0};
    if (offset >= inode->size) return 0;
    if (inode->in_chunks) return map_chunk(fs, inode, offset, out);

    if (offset < inode->tail_from) {
        out->position = inode->start + offset;
        out->len = inode->tail_from - offset;
    } else {
        out->position = inode->tail + (offset - inode->tail_from);
        out->len = inode->size - offset;
    }
    return 0;
}

long erofs_read(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
                void *buf, size_t len)
{
    uint8_t *to = buf;
    size_t done = 0;

    while (done < len) {
        struct erofs_extent extent;
        int err = erofs_map(fs, inode, offset + done, &extent);
        if (err) return err;
        if (extent.len == 0) break;

        size_t n = min(len - done, extent.len);
        if (extent.hole) {
            memset(to + done, 0, n);
        } else {
            err = erofs_copy(fs, extent.position, to + done, n);
            if (err) return err;
        }
        done += n;
    }
    return (long)done;
}

int erofs_read_page(const struct erofs *fs, const struct erofs_inode *inode,
                    uint64_t index, void *page)
{
    long n = 0;

    if (index <= inode->size / PAGE_SIZE)
        n = erofs_read(fs, inode, index * PAGE_SIZE, page, PAGE_SIZE);
    if (n < 0) return (int)n;
    memset((uint8_t *)page + n, 0, PAGE_SIZE - (size_t)n);
    return 0;
}

long erofs_read_link(const struct erofs *fs, const struct erofs_inode *inode, char *buf)
{
    assert(inode->kind == EROFS_SYMLINK);
    long len = erofs_read(fs, inode, 0, buf, inode->size);
    if (len < 0) return len;
    if (memchr(buf, '\0', (size_t)len)) return -EIO;
    buf[len] = '\0';
    return len;
}
