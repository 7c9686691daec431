/*
 * How an EROFS image looks on the disk. Numbers are little-endian, as ours are, and lie at
 * any address: they are copied out before they are looked at.
 *
 *     0        1024         2048 or 4096: block 1 ...
 *     +--------+------------+------------------------+------------------------+
 *     |        | superblock | inodes, xattrs, tails, | blocks of files and    |
 *     |        |            | chunk maps             | directories            |
 *     +--------+------------+------------------------+------------------------+
 *                     the order of the last two is the writer's choice
 *
 * An inode has no number but its place: nid n lies 32 n bytes behind the start of the
 * inodes. What belongs to it follows at once:
 *
 *     | inode, 32 or 64 | extended attributes | tail of the contents, or chunk map |
 */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

enum {
    SUPER_POSITION = 1024,
    SUPER_MAGIC = (int)0xe0f5e1e2,

    COMPAT_CHECKSUM = 1 << 0,

    INCOMPAT_ZERO_PADDING =
        1 << 0, /* how compressed files are laid out: of no interest */
    INCOMPAT_COMPRESSION = 1 << 1,
    INCOMPAT_CHUNKS = 1 << 2,
    INCOMPAT_DEVICES = 1 << 3,
    INCOMPAT_COMPRESSED_TAILS = 1 << 4,
    INCOMPAT_FRAGMENTS = 1 << 5,
};

struct disk_super {
    uint32_t magic;
    uint32_t checksum; /* CRC-32C from here to the end of the block, with this field 0 */
    uint32_t compat;
    uint8_t block_bits;
    uint8_t extension_slots;
    uint16_t root;
    uint64_t ninodes;
    uint64_t build_time;
    uint32_t build_time_ns;
    uint32_t nblocks;
    uint32_t inodes_block;
    uint32_t xattrs_block;
    uint8_t uuid[16];
    uint8_t volume[16];
    uint32_t incompat;
    uint16_t algorithms;
    uint16_t ndevices;
    uint16_t devices_slot;
    uint8_t
        directory_bits; /* a directory's block is that many times doubled: not at all */
    uint8_t rest[37];
};
static_assert(sizeof(struct disk_super) == 128, "the superblock as on the disk");

/* The format of an inode: bit 0 says its size, three bits its layout, the rest is 0. */
enum {
    FORMAT_EXTENDED = 1 << 0,
    FORMAT_LAYOUT_SHIFT = 1,
    FORMAT_KNOWN = (1 << 4) - 1,
};

enum layout {
    LAYOUT_PLAIN = 0,
    LAYOUT_COMPRESSED_FULL = 1,
    LAYOUT_INLINE = 2, /* the last block, or a part of one, lies behind the inode */
    LAYOUT_COMPRESSED = 3,
    LAYOUT_CHUNKS = 4,
};

enum {
    NID_SIZE = 32,
    XATTR_HEADER = 12, /* and for each of xattr_count but the first 4 more */

    NO_BLOCK = -1, /* as uint32_t: a hole */

    CHUNK_BITS = 0x1f, /* a chunk is a block that many times doubled */
    CHUNK_INDEXES = 1 << 5,
    CHUNK_KNOWN = CHUNK_BITS | CHUNK_INDEXES,
};

struct disk_inode_compact {
    uint16_t format;
    uint16_t xattr_count;
    uint16_t mode;
    uint16_t nlink;
    uint32_t size;
    uint32_t reserved;
    uint32_t
        where; /* the first block; a device's number; or the format of the chunk map */
    uint32_t ino;
    uint16_t uid;
    uint16_t gid;
    uint32_t reserved2;
};
static_assert(sizeof(struct disk_inode_compact) == 32, "a small inode as on the disk");

struct disk_inode_extended {
    uint16_t format;
    uint16_t xattr_count;
    uint16_t mode;
    uint16_t reserved;
    uint64_t size;
    uint32_t where;
    uint32_t ino;
    uint32_t uid;
    uint32_t gid;
    uint64_t mtime;
    uint32_t mtime_ns;
    uint32_t nlink;
    uint8_t reserved2[16];
};
static_assert(sizeof(struct disk_inode_extended) == 64, "a large inode as on the disk");

/* An entry of a chunk map that is not just the number of a block. */
struct disk_chunk_index {
    uint16_t advise;
    uint16_t device;
    uint32_t block;
};
static_assert(sizeof(struct disk_chunk_index) == 8, "a chunk index as on the disk");

/*
 * A block of a directory: entries, then their names, in the same order, which is that of
 * memcmp() over the whole directory. A name ends where the next one begins, the last one
 * at a zero or at the end of the block. The first name tells where the entries end.
 *
 *     | entry 0 | entry 1 | ... | name 0 | name 1 | ... |
 */
struct disk_entry {
    uint64_t nid;
    uint16_t name_at; /* in the block */
    uint8_t kind;
    uint8_t reserved;
} __attribute__((packed));
static_assert(sizeof(struct disk_entry) == 12, "a directory entry as on the disk");
