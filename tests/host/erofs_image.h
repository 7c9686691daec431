/*
 * For the tests of fs/erofs: images in memory, how to make small ones by hand, and somebody
 * who looks at everything in one.
 *
 * The writer knows the format from its description alone and shares nothing with the
 * reader; fsck.erofs is asked whether it is right.
 */
#pragma once

#include "fs/erofs/erofs.h"

/* An image as a device. Each page that is held is a copy that is freed when it is put, so
 * that the address sanitizer sees what looks beside it, or too late. */
struct image {
    struct erofs_source source; /* its size is that of the device */
    uint8_t *bytes;
    size_t room;

    unsigned block_bits;
    uint64_t next_inode; /* where the next one is written */
    uint32_t next_block;

    long held;    /* pages */
    long gets;    /* so far */
    long failing; /* this get fails with -EIO; -1: none */
};

/* An empty image: inodes from the superblock on, blocks from `blocks_from` on. */
void image_begin(struct image *image, unsigned block_bits, size_t size,
                 uint32_t blocks_from);
/* An image from a file or from bytes that are copied. */
void image_copy(struct image *image, const void *bytes, size_t size);
void image_end(struct image *image);

void image_put(struct image *image, uint64_t at, unsigned nbytes, uint64_t value);
uint64_t image_get(const struct image *image, uint64_t at, unsigned nbytes);

/* Appends blocks with these bytes; the number of the first. */
uint32_t image_add_blocks(struct image *image, const void *bytes, size_t len);

enum { MAKE_PLAIN = 0, MAKE_INLINE = 2, MAKE_CHUNKS = 4 };
/* What an inode is to say; zeros are possible everywhere but in mode. */
struct make_inode {
    bool extended;
    unsigned layout;
    unsigned mode;
    unsigned nlink; /* 0: 1 */
    uint64_t size;
    uint32_t where;
    unsigned xattr_count;
    const void *behind; /* tail or chunk map */
    size_t behind_len;
    unsigned behind_align; /* 0: 1 */
    bool across;           /* lies across the end of a block; extended */
};
/* Its nid. */
uint64_t image_add_inode(struct image *image, const struct make_inode *inode);

struct make_entry {
    uint64_t nid;
    unsigned kind;
    const char *name;
};
/* Entries, sorted already, as one block of a directory. Its length. */
size_t image_make_dir(uint8_t *block, const struct make_entry *entries, unsigned count);

/* Writes the superblock; its checksum again after something was changed. */
void image_seal(struct image *image, uint64_t root);
void image_sum(struct image *image);

/*
 * An image with a file of every kind and layout: what tests look for in it.
 *
 *     /block /char /chunks /dir/aaa.../dir/zzz (two blocks) /fifo /holes /indexes
 *     /inline /link /link-long /plain /socket /xattrs
 */
void image_make_zoo(struct image *image, unsigned block_bits);
/* What stands at `offset` of the file whose first letter it is. */
uint8_t zoo_byte(char letter, uint64_t offset);

/* Counts what was seen by image_walk(). */
struct walk_result {
    unsigned files, errors;
    int error; /* the last one */
    uint64_t bytes;
};

/* Looks at everything: names both ways, links, contents, at most `budget` files of any
 * kind. Nothing is wrong but what an error says. */
void image_walk(struct image *image, unsigned budget, struct walk_result *out);
