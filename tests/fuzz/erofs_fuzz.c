/*
 * Images with damage. The first byte says how: the bytes that follow are the image itself, or
 * they change a whole one that has everything in it, eight bytes at a time. Then it has
 * the right checksum again, since chance alone would find none.
 */
// sources: kernel/fs/erofs/super.c kernel/fs/erofs/inode.c kernel/fs/erofs/dir.c
// sources: tests/host/erofs_image.c
#include "erofs_image.h"

#include "lib/errno.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW = 1, CUT = 2, KEEP_SUM = 4, SUPER = 1024, STEP = 8, BUDGET = 100 };

/* Where: two bytes. How much: one, up to five. With what: five. */
static void damage(struct image *image, const uint8_t step[STEP])
{
    uint64_t at = SUPER + (step[0] | (unsigned)step[1] << 8);

    for (unsigned i = 0; i < step[2] % 6u && at + i < image->room; i++) {
        image->bytes[at + i] = step[3 + i];
    }
}

/* Most of it counts from what lies at the image's beginning: inodes, maps, tails. */
static void make_damaged(struct image *image, uint8_t how, const uint8_t *data,
                         size_t size)
{
    image_make_zoo(image, 9 + (how >> 4) % 4);
    for (; size >= STEP; size -= STEP, data += STEP) {
        damage(image, data);
    }
    if (!(how & KEEP_SUM)) image_sum(image);
    if (how & CUT && size > 0) image->source.size = data[0] * (uint64_t)257;
    if (image->source.size > image->room) image->source.size = image->room;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct walk_result seen;
    struct image image;

    if (size == 0) return 0;
    if (data[0] & RAW) {
        image_copy(&image, data + 1, size - 1);
        image_sum(&image);
    } else {
        make_damaged(&image, data[0], data + 1, size - 1);
    }
    image_walk(&image, BUDGET, &seen);
    assert(seen.errors == 0 || seen.error == -EIO || seen.error == -EINVAL ||
           seen.error == -EOPNOTSUPP || seen.error == -ENOENT);
    image_end(&image);
    return 0;
}
