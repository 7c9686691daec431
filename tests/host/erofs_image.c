/* EROFS images for tests; erofs_image.h tells. */
#include "erofs_image.h"

#include "lib/errno.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get(struct erofs_source *source, uint64_t index, struct erofs_page *out)
{
    struct image *image = container_of(source, struct image, source);
    uint64_t at = index * PAGE_SIZE;

    assert(index <= source->size / PAGE_SIZE && at < source->size);
    if (image->gets++ == image->failing) return -EIO;
    uint8_t *copy = calloc(1, PAGE_SIZE);
    uint64_t n = source->size - at < PAGE_SIZE ? source->size - at : PAGE_SIZE;
    memcpy(copy, image->bytes + at, n);
    *out = (struct erofs_page){.bytes = copy, .owner = image};
    image->held++;
    return 0;
}

static void put(struct erofs_source *source, const struct erofs_page *page)
{
    struct image *image = container_of(source, struct image, source);

    assert(page->owner == image);
    free((void *)(uintptr_t)page->bytes);
    image->held--;
}

static void init(struct image *image, size_t size)
{
    *image = (struct image){.source = {.size = size, .get = get, .put = put},
                            .bytes = calloc(1, size ? size : 1),
                            .room = size,
                            .failing = -1};
}

void image_begin(struct image *image, unsigned block_bits, size_t size,
                 uint32_t blocks_from)
{
    init(image, size);
    image->block_bits = block_bits;
    image->next_inode = 1024 + 128;
    image->next_block = blocks_from;
}

void image_copy(struct image *image, const void *bytes, size_t size)
{
    init(image, size);
    if (size > 0) memcpy(image->bytes, bytes, size);
    image->block_bits = size > 1024 + 12 ? image->bytes[1024 + 12] : 0;
}

void image_end(struct image *image) { free(image->bytes); }

void image_put(struct image *image, uint64_t at, unsigned nbytes, uint64_t value)
{
    assert(at + nbytes <= image->room);
    for (unsigned i = 0; i < nbytes; i++) {
        image->bytes[at + i] = (uint8_t)(value >> 8 * i);
    }
}

uint64_t image_get(const struct image *image, uint64_t at, unsigned nbytes)
{
    uint64_t value = 0;

    assert(at + nbytes <= image->room);
    for (unsigned i = nbytes; i-- > 0;) {
        value = value << 8 | image->bytes[at + i];
    }
    return value;
}

uint32_t image_add_blocks(struct image *image, const void *bytes, size_t len)
{
    uint32_t first = image->next_block;
    uint64_t at = (uint64_t)first << image->block_bits;

    assert(at + len <= image->room);
    memcpy(image->bytes + at, bytes, len);
    image->next_block +=
        (uint32_t)((len + (1ul << image->block_bits) - 1) >> image->block_bits);
    return first;
}

static uint64_t align(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

/* Moves the place of the next inode to where its tail fits, or to where it lies across. */
static void find_place(struct image *image, const struct make_inode *inode, size_t head)
{
    uint64_t block = 1ul << image->block_bits;

    image->next_inode = align(image->next_inode, 32);
    if (inode->across) {
        image->next_inode = align(image->next_inode + 32, block) - 32;
    } else if (inode->layout == MAKE_INLINE &&
               (image->next_inode + head) % block + inode->behind_len > block) {
        image->next_inode = align(image->next_inode, block);
    }
}

uint64_t image_add_inode(struct image *image, const struct make_inode *inode)
{
    size_t inode_size = inode->extended ? 64 : 32;
    size_t xattrs = inode->xattr_count ? 12 + 4 * (inode->xattr_count - 1ul) : 0;
    unsigned nlink = inode->nlink ? inode->nlink : 1;

    find_place(image, inode, inode_size + xattrs);
    uint64_t at = image->next_inode;
    image_put(image, at, 2, inode->extended | inode->layout << 1);
    image_put(image, at + 2, 2, inode->xattr_count);
    image_put(image, at + 4, 2, inode->mode);
    if (inode->extended) {
        image_put(image, at + 8, 8, inode->size);
        image_put(image, at + 16, 4, inode->where);
        image_put(image, at + 24, 4, 100000);
        image_put(image, at + 28, 4, 200000);
        image_put(image, at + 32, 8, 1234567890);
        image_put(image, at + 40, 4, 999999999);
        image_put(image, at + 44, 4, nlink);
    } else {
        image_put(image, at + 6, 2, nlink);
        image_put(image, at + 8, 4, inode->size);
        image_put(image, at + 16, 4, inode->where);
        image_put(image, at + 24, 2, 1000);
        image_put(image, at + 26, 2, 2000);
    }
    uint64_t behind = at + inode_size + xattrs;
    if (inode->behind_align) behind = align(behind, inode->behind_align);
    assert(behind + inode->behind_len <= image->room);
    if (inode->behind_len > 0)
        memcpy(image->bytes + behind, inode->behind, inode->behind_len);
    image->next_inode = behind + inode->behind_len;
    return at / 32;
}

size_t image_make_dir(uint8_t *block, const struct make_entry *entries, unsigned count)
{
    size_t at = 12 * count;

    for (unsigned i = 0; i < count; i++) {
        uint8_t *e = block + 12 * i;
        for (unsigned b = 0; b < 8; b++) {
            e[b] = (uint8_t)(entries[i].nid >> 8 * b);
        }
        e[8] = (uint8_t)at;
        e[9] = (uint8_t)(at >> 8);
        e[10] = (uint8_t)entries[i].kind;
        e[11] = 0;
        memcpy(block + at, entries[i].name, strlen(entries[i].name));
        at += strlen(entries[i].name);
    }
    return at;
}

/* By a table, with the first index the next byte: not the way the reader goes. */
static uint32_t crc32c(const uint8_t *p, size_t len)
{
    static uint32_t table[256];
    uint32_t crc = 0xffffffff;

    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        table[i] = i;
        for (unsigned bit = 0; bit < 8; bit++) {
            bool odd = table[i] & 1;
            table[i] >>= 1;
            if (odd) table[i] ^= 0x82f63b78;
        }
    }
    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
    }
    return crc;
}

void image_sum(struct image *image)
{
    size_t block = image->block_bits >= 9 && image->block_bits <= 12
                       ? 1ul << image->block_bits
                       : PAGE_SIZE;
    size_t len = block > 1024 ? block - 1024 : block;

    if (image->room < 1024 + len) return;
    image_put(image, 1024 + 4, 4, 0);
    image_put(image, 1024 + 4, 4, crc32c(image->bytes + 1024, len));
}

void image_seal(struct image *image, uint64_t root)
{
    const uint64_t at = 1024;

    image_put(image, at, 4, 0xe0f5e1e2);
    image_put(image, at + 8, 4, 1);
    image_put(image, at + 12, 1, image->block_bits);
    image_put(image, at + 14, 2, root);
    image_put(image, at + 16, 8, 15);
    image_put(image, at + 24, 8, 1000000000);
    image_put(image, at + 32, 4, 5);
    image_put(image, at + 36, 4, image->room >> image->block_bits);
    image_put(image, at + 80, 4, 4);
    image_sum(image);
}

uint8_t zoo_byte(char letter, uint64_t offset)
{
    return (uint8_t)((unsigned char)letter + offset * 7 + offset / 251);
}

static const void *zoo_bytes(char letter, size_t from, size_t len)
{
    static uint8_t bytes[1 << 16];

    assert(len <= sizeof(bytes));
    for (size_t i = 0; i < len; i++) {
        bytes[i] = zoo_byte(letter, from + i);
    }
    return bytes;
}

enum { DIR_MODE = 0040755, FILE_MODE = 0100644 };

/* Two blocks: names of 100 letters fill the first. Its inode's tail is a third one. */
static uint64_t make_zoo_dir(struct image *image, uint64_t parent, uint64_t file)
{
    uint8_t blocks[3][PAGE_SIZE] = {{0}};
    size_t block = 1ul << image->block_bits;
    char *dir = calloc(3, PAGE_SIZE);
    uint64_t self = align(image->next_inode, 32) / 32;
    char names[3][101];

    for (unsigned i = 0; i < 3; i++) {
        memset(names[i], "amz"[i], 100);
        names[i][100] = 0;
    }
    struct make_entry first[] = {
        {self, 2, "."}, {parent, 2, ".."}, {file, 1, names[0]}, {file, 1, "b"}};
    struct make_entry second[] = {{file, 1, names[1]}, {file, 1, "n"}};
    struct make_entry third[] = {{file, 1, "x"}, {file, 1, names[2]}};
    (void)image_make_dir(blocks[0], first, 4);
    (void)image_make_dir(blocks[1], second, 2);
    size_t tail = image_make_dir(blocks[2], third, 2);
    memcpy(dir, blocks[0], block);
    memcpy(dir + block, blocks[1], block);

    struct make_inode inode = {.layout = MAKE_INLINE,
                               .mode = DIR_MODE,
                               .nlink = 2,
                               .size = 2 * block + tail,
                               .behind = blocks[2],
                               .behind_len = tail};
    inode.where = image_add_blocks(image, dir, 2 * block);
    uint64_t nid = image_add_inode(image, &inode);
    assert(nid == self); /* nothing had to be moved */
    free(dir);
    return nid;
}

/* Three chunks of two blocks, the last one short, the middle one a hole if `hole`. */
static uint64_t make_zoo_chunks(struct image *image, char letter, bool indexes, bool hole)
{
    size_t block = 1ul << image->block_bits;
    size_t size = 5 * block - 3;
    uint32_t where[3];
    uint8_t map[24] = {0};

    for (unsigned i = 3; i-- > 0;) { /* not in their order */
        size_t from = i * 2 * block;
        size_t len = size - from < 2 * block ? size - from : 2 * block;
        where[i] = hole && i == 1
                       ? 0xffffffff
                       : image_add_blocks(image, zoo_bytes(letter, from, len), len);
    }
    for (unsigned i = 0; i < 3; i++) {
        memcpy(map + (indexes ? i * 8 + 4 : i * 4), &where[i], 4);
    }
    return image_add_inode(image, &(struct make_inode){.extended = indexes,
                                                       .layout = MAKE_CHUNKS,
                                                       .mode = FILE_MODE,
                                                       .size = size,
                                                       .where = 1 | indexes << 5,
                                                       .xattr_count = indexes ? 3 : 0,
                                                       .behind = map,
                                                       .behind_len = indexes ? 24 : 12,
                                                       .behind_align = indexes ? 8 : 4});
}

static uint64_t make_zoo_flat(struct image *image, char letter, struct make_inode inode)
{
    size_t block = 1ul << image->block_bits;
    size_t flat =
        inode.layout == MAKE_INLINE ? (inode.size - 1) / block * block : inode.size;

    if (inode.mode == 0) inode.mode = FILE_MODE;
    inode.where = 0xffffffff;
    if (flat > 0) inode.where = image_add_blocks(image, zoo_bytes(letter, 0, flat), flat);
    inode.behind = zoo_bytes(letter, flat, inode.size - flat);
    inode.behind_len = inode.size - flat;
    return image_add_inode(image, &inode);
}

static uint64_t make_zoo_link(struct image *image, unsigned layout, size_t len)
{
    char target[EROFS_LINK_LIMIT];

    memset(target, 'l', len);
    struct make_inode inode = {.layout = layout, .mode = 0120777, .size = len};
    if (layout == MAKE_PLAIN) {
        inode.where = image_add_blocks(image, target, len);
    } else {
        inode.behind = target;
        inode.behind_len = len;
    }
    return image_add_inode(image, &inode);
}

static uint64_t make_zoo_special(struct image *image, unsigned mode, uint32_t where)
{
    return image_add_inode(image, &(struct make_inode){.mode = mode, .where = where});
}

/* The root comes last but is where the first inode was left free for it. */
void image_make_zoo(struct image *image, unsigned block_bits)
{
    size_t block = 1ul << block_bits;
    uint8_t entries[PAGE_SIZE] = {0};

    image_begin(image, block_bits, 28 * block + 4 * PAGE_SIZE,
                (uint32_t)(4 * PAGE_SIZE / block));
    uint64_t root = image->next_inode / 32;
    image->next_inode += 32;
    uint64_t plain =
        make_zoo_flat(image, 'p', (struct make_inode){.size = 2 * block + 100});
    uint64_t dir = make_zoo_dir(image, root, plain);
    struct make_entry list[] = {
        {root, 2, "."},
        {root, 2, ".."},
        {make_zoo_special(image, 0060600, 0x00812345), 4, "block"},
        {make_zoo_special(image, 0020666, 0x00000103), 3, "char"},
        {make_zoo_chunks(image, 'c', false, false), 1, "chunks"},
        {dir, 2, "dir"},
        {make_zoo_special(image, 0010600, 0), 5, "fifo"},
        {make_zoo_chunks(image, 'h', false, true), 1, "holes"},
        {make_zoo_chunks(image, 'i', true, true), 1, "indexes"},
        {make_zoo_flat(image, 'n',
                       (struct make_inode){.extended = true,
                                           .layout = MAKE_INLINE,
                                           .across = true,
                                           .size = block + 77}),
         1, "inline"},
        {make_zoo_link(image, MAKE_INLINE, 20), 7, "link"},
        {make_zoo_link(image, MAKE_PLAIN, EROFS_LINK_LIMIT), 7, "link-long"},
        {plain, 1, "plain"},
        {make_zoo_special(image, 0140755, 0), 6, "socket"},
        {make_zoo_flat(
             image, 'x',
             (struct make_inode){.layout = MAKE_INLINE, .xattr_count = 9, .size = 100}),
         1, "xattrs"},
    };
    size_t len = image_make_dir(entries, list, ARRAY_SIZE(list));
    assert(len <= block);

    assert(image->next_inode <= 4 * PAGE_SIZE);
    image->next_inode = root * 32;
    uint64_t at = image_add_inode(
        image, &(struct make_inode){.mode = DIR_MODE,
                                    .nlink = 3,
                                    .size = len,
                                    .where = image_add_blocks(image, entries, len)});
    assert(at == root && image->next_block << block_bits <= image->room);
    image_seal(image, root);
}

struct walk {
    struct image *image;
    struct erofs fs;
    struct erofs_inode dir;
    unsigned budget, depth;
    uint64_t expected; /* no cookie before this one */
    struct walk_result *out;
};

static void note(struct walk_result *out, int err)
{
    if (err == 0) return;
    assert(err < 0);
    out->errors++;
    out->error = err;
}

enum { PIECE = 3 * PAGE_SIZE, PAGES_READ = 64 };

/* In pages and in one piece: they are the same. */
static void read_file(struct walk *w, const struct erofs_inode *inode)
{
    uint8_t page[PAGE_SIZE];
    static uint8_t piece[PIECE];
    struct erofs_extent extent;
    uint64_t npages = inode->size / PAGE_SIZE + 1;

    for (uint64_t i = 0; i < npages && i < PAGES_READ; i++) {
        note(w->out, erofs_read_page(&w->fs, inode, i, page));
        note(w->out, erofs_map(&w->fs, inode, i * PAGE_SIZE, &extent));
        assert(extent.len <= inode->size);
    }
    note(w->out, erofs_read_page(&w->fs, inode, npages - 1, page));
    assert(erofs_read(&w->fs, inode, inode->size, piece, PIECE) == 0);
    long n = erofs_read(&w->fs, inode, inode->size / 2, piece, PIECE);
    if (n < 0) {
        note(w->out, (int)n);
    } else {
        uint64_t left = inode->size - inode->size / 2;
        assert((uint64_t)n == (left < PIECE ? left : PIECE));
        w->out->bytes += (uint64_t)n;
    }
}

static void visit(struct walk *w, uint64_t nid);

static bool enter(void *arg, const struct erofs_entry *entry, uint64_t next)
{
    struct walk *w = arg;
    struct erofs_entry found;
    char name[EROFS_NAME_LIMIT];

    assert(entry->len > 0 && entry->len <= EROFS_NAME_LIMIT);
    assert(next > w->expected);
    w->expected = next;
    memcpy(name, entry->name, entry->len);
    bool dots = entry->len <= 2 && memcmp(name, "..", entry->len) == 0;
    int err = erofs_lookup(&w->fs, &w->dir, name, entry->len, &found);
    note(w->out, err);
    assert(err || found.name == NULL);
    if (w->budget > 0 && !dots) visit(w, entry->nid);
    return w->budget > 0;
}

static void visit_dir(struct walk *w, const struct erofs_inode *dir)
{
    struct walk inner = *w;

    inner.dir = *dir;
    inner.depth++;
    inner.expected = 0;
    note(w->out, erofs_readdir(&w->fs, dir, 0, enter, &inner));
    w->budget = inner.budget;
}

static void visit(struct walk *w, uint64_t nid)
{
    static char target[EROFS_LINK_LIMIT + 1];
    struct erofs_inode inode;

    w->budget--;
    w->out->files++;
    int err = erofs_read_inode(&w->fs, nid, &inode);
    note(w->out, err);
    if (err) return;
    assert(inode.nlink > 0 && inode.size <= INT64_MAX);
    switch (inode.kind) {
    case EROFS_REGULAR:
        read_file(w, &inode);
        break;
    case EROFS_DIRECTORY:
        if (w->depth < 10) visit_dir(w, &inode);
        break;
    case EROFS_SYMLINK:
        err = (int)erofs_read_link(&w->fs, &inode, target);
        note(w->out, err < 0 ? err : 0);
        assert(err < 0 || strlen(target) == inode.size);
        break;
    default:
        assert(inode.kind != EROFS_UNKNOWN && inode.size == 0);
    }
}

void image_walk(struct image *image, unsigned budget, struct walk_result *out)
{
    struct walk w = {.image = image, .budget = budget, .out = out};

    *out = (struct walk_result){0};
    int err = erofs_open(&w.fs, &image->source);
    note(out, err);
    assert(err ? w.fs.reason && *w.fs.reason : !w.fs.reason);
    if (err == 0) visit(&w, w.fs.root);
    assert(image->held == 0);
}
