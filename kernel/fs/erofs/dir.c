/*
 * Directories: blocks of sorted names (format.h has the picture).
 *
 * A block lies in one page, since it is no larger than a block of the image, and a tail does
 * not leave its block. So a block is looked at where it lies, in a page that is held, and
 * an entry is checked each time it is looked at.
 *
 * A name is found by two binary searches: for the last block whose first name is not
 * greater, then in that block. In a directory that is out of order they may miss a name; they
 * end in any case.
 *
 * A cookie is the place of an entry in the directory, counted in bytes.
 */
#include "fs/erofs/format.h"
#include "fs/erofs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"

struct dir_block {
    struct erofs_page page;
    const uint8_t *bytes;
    size_t len;
    unsigned count; /* of entries; at least 1, and all lie in the block */
};

static struct disk_entry raw_entry(const struct dir_block *block, unsigned i)
{
    struct disk_entry raw;

    memcpy(&raw, block->bytes + i * sizeof(raw), sizeof(raw));
    return raw;
}

static int check_block(struct dir_block *block)
{
    if (block->len < sizeof(struct disk_entry)) return -EIO;
    unsigned names = raw_entry(block, 0).name_at;
    if (names == 0 || names % sizeof(struct disk_entry) != 0 || names > block->len)
        return -EIO;
    block->count = names / sizeof(struct disk_entry);
    return 0;
}

/* Holds the block at `offset`, which is a multiple of the block size and below dir->size. */
static int dir_block_get(const struct erofs *fs, const struct erofs_inode *dir,
                         uint64_t offset, struct dir_block *block)
{
    struct erofs_extent extent;

    int err = erofs_map(fs, dir, offset, &extent);
    if (err) return err;
    err = fs->source->get(fs->source, extent.position / PAGE_SIZE, &block->page);
    if (err) return err;
    block->bytes = block->page.bytes + extent.position % PAGE_SIZE;
    block->len = extent.len < erofs_block_size(fs) ? extent.len : erofs_block_size(fs);
    assert(extent.position % PAGE_SIZE + block->len <= PAGE_SIZE);

    err = check_block(block);
    if (err) fs->source->put(fs->source, &block->page);
    return err;
}

static void dir_block_put(const struct erofs *fs, struct dir_block *block)
{
    fs->source->put(fs->source, &block->page);
}

static int dir_entry(const struct dir_block *block, unsigned i, struct erofs_entry *out)
{
    struct disk_entry raw = raw_entry(block, i);
    size_t start = raw.name_at;
    size_t end = block->len;

    if (i + 1 < block->count) end = raw_entry(block, i + 1).name_at;
    if (start < block->count * sizeof(raw) || start >= end || end > block->len)
        return -EIO;
    const char *name = (const char *)block->bytes + start;
    size_t len = end - start;
    if (i + 1 == block->count) len = strnlen(name, len);
    if (len == 0 || len > EROFS_NAME_LIMIT) return -EIO;
    if (memchr(name, '\0', len) || memchr(name, '/', len)) return -EIO;

    *out = (struct erofs_entry){
        .nid = raw.nid,
        .kind = raw.kind <= EROFS_SYMLINK ? raw.kind : EROFS_UNKNOWN,
        .name = name,
        .len = len,
    };
    return 0;
}

/* A name that another one continues comes first. */
static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    if (order != 0) return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

struct wanted {
    const char *name;
    size_t len;
};

/* How the name of entry i compares with the one that is wanted, in *order; 0 or an error. */
static int compare_entry(const struct dir_block *block, unsigned i, struct wanted wanted,
                         int *order)
{
    struct erofs_entry entry;

    int err = dir_entry(block, i, &entry);
    if (err) return err;
    *order = compare_names(entry.name, entry.len, wanted.name, wanted.len);
    return 0;
}

static int search_block(const struct dir_block *block, struct wanted wanted,
                        struct erofs_entry *out)
{
    unsigned low = 0, high = block->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order;

        int err = compare_entry(block, middle, wanted, &order);
        if (err) return err;
        if (order == 0) return dir_entry(block, middle, out);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return -ENOENT;
}

/* The number of blocks whose first name is not greater than the one wanted. */
static int count_blocks_up_to(const struct erofs *fs, const struct erofs_inode *dir,
                              struct wanted wanted, uint64_t *count)
{
    uint64_t low = 0;
    uint64_t high = (dir->size + erofs_block_size(fs) - 1) >> fs->block_bits;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct dir_block block;
        int order;

        int err = dir_block_get(fs, dir, middle << fs->block_bits, &block);
        if (err) return err;
        err = compare_entry(&block, 0, wanted, &order);
        dir_block_put(fs, &block);
        if (err) return err;
        if (order <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *count = low;
    return 0;
}

int erofs_lookup(const struct erofs *fs, const struct erofs_inode *dir, const char *name,
                 size_t len, struct erofs_entry *out)
{
    struct wanted wanted = {name, len};
    struct dir_block block;
    uint64_t count;

    assert(dir->kind == EROFS_DIRECTORY);
    int err = count_blocks_up_to(fs, dir, wanted, &count);
    if (err) return err;
    if (count == 0) return -ENOENT;

    err = dir_block_get(fs, dir, (count - 1) << fs->block_bits, &block);
    if (err) return err;
    err = search_block(&block, wanted, out);
    dir_block_put(fs, &block);
    if (err) return err;
    out->name = NULL;
    return 0;
}

/* Somebody reads a directory. */
struct reader {
    erofs_emit emit;
    void *arg;
    uint64_t block_size;
    bool more; /* not enough yet */
};

/* Shows the entries of the block at `offset`, from `first` on. */
static int emit_block(struct reader *r, const struct dir_block *block, uint64_t offset,
                      unsigned first)
{
    for (unsigned i = first; i < block->count && r->more; i++) {
        struct erofs_entry entry;
        bool last = i + 1 == block->count;
        uint64_t next = last ? r->block_size : (i + 1) * sizeof(struct disk_entry);

        int err = dir_entry(block, i, &entry);
        if (err) return err;
        r->more = r->emit(r->arg, &entry, offset + next);
    }
    return 0;
}

int erofs_readdir(const struct erofs *fs, const struct erofs_inode *dir, uint64_t from,
                  erofs_emit emit, void *arg)
{
    struct reader r = {emit, arg, erofs_block_size(fs), true};
    const size_t entry_size = sizeof(struct disk_entry);

    assert(dir->kind == EROFS_DIRECTORY);
    while (from < dir->size && r.more) {
        uint64_t offset = from & ~(r.block_size - 1);
        unsigned first = (unsigned)((from - offset + entry_size - 1) / entry_size);
        struct dir_block block;

        int err = dir_block_get(fs, dir, offset, &block);
        if (err) return err;
        err = emit_block(&r, &block, offset, first);
        dir_block_put(fs, &block);
        if (err) return err;
        from = offset + r.block_size;
    }
    return 0;
}
