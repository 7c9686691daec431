/*
 * EROFS images, read: the uncompressed ones, which mkfs.erofs makes of a directory.
 *
 *     struct erofs fs;
 *     struct erofs_inode dir, file;
 *     struct erofs_entry e;
 *
 *     err = erofs_open(&fs, source);                  if (err) ... fs.reason
 *     err = erofs_read_inode(&fs, fs.root, &dir);
 *     err = erofs_lookup(&fs, &dir, "etc", 3, &e);
 *     err = erofs_read_inode(&fs, e.nid, &file);
 *     n = erofs_read(&fs, &file, offset, buf, len);
 *
 * This is the format and nothing else: it knows no cache, no lock and no thread. It asks
 * its source for pages of the device and gives each back before it returns. After
 * erofs_open() nothing of it changes, so everybody may use it at once.
 *
 * An image comes from outside and may say anything. What is impossible is -EIO; a file of a
 * kind that is not read here (compressed) is -EOPNOTSUPP; and what the source says when it
 * has no page is passed on. Directories may form circles: to notice is the caller's business.
 */
#pragma once

#include "lib/addr.h"

/* A page of the device, held. */
struct erofs_page {
    const uint8_t *bytes; /* PAGE_SIZE of them */
    void *owner;          /* the source's */
};

/* The device, in pages. Where it ends inside a page, zeros follow. */
struct erofs_source {
    uint64_t size; /* bytes */
    /* 0 and a page, which stays until it is put; or an error. May sleep. */
    int (*get)(struct erofs_source *source, uint64_t index, struct erofs_page *out);
    void (*put)(struct erofs_source *source, const struct erofs_page *page);
};

struct erofs {
    struct erofs_source *source;
    unsigned block_bits; /* a block is no larger than a page */
    uint64_t end;        /* of the image, a whole number of blocks of the device */
    uint64_t inodes_at;  /* where inode 0 would be; below the end */
    uint64_t root;       /* nid */
    uint64_t ninodes;    /* as the image says, for statfs */
    int64_t
        build_time; /* nanoseconds since 1970: of files that have no time of their own */
    const char *reason; /* one line for the log, if erofs_open() failed */
};

/* The numbers are those of directory entries. */
enum erofs_kind {
    EROFS_UNKNOWN, /* of entries only: their inode knows */
    EROFS_REGULAR,
    EROFS_DIRECTORY,
    EROFS_CHAR,
    EROFS_BLOCK,
    EROFS_FIFO,
    EROFS_SOCKET,
    EROFS_SYMLINK,
};

enum { EROFS_NAME_LIMIT = 255, EROFS_LINK_LIMIT = 4095 };

struct erofs_inode {
    uint64_t nid; /* files of two names have one */
    enum erofs_kind kind;
    uint16_t mode; /* without the kind */
    uint32_t uid, gid, nlink;
    uint32_t rdev_major, rdev_minor; /* of EROFS_CHAR and EROFS_BLOCK */
    uint64_t size;                   /* below 2^63; 0 for what has no contents */
    int64_t mtime;                   /* nanoseconds since 1970 */

    /* Where the contents are: for erofs_map(). All of it lies in the image. */
    bool in_chunks;
    uint8_t chunk_bits;      /* a chunk is so large, */
    uint8_t chunk_map_entry; /* and its place is told in so many bytes */
    uint64_t start;          /* of the chunk map; otherwise of bytes [0, tail_from), */
    uint64_t tail_from;
    uint64_t tail; /* and of bytes [tail_from, size) */
};

/*
 * Reads the superblock and the root's inode. 0; or -EINVAL (no image that we read), -EIO, or
 * what the source said, with a reason in fs->reason. Keeps `source`, which outlives it.
 */
must_check int erofs_open(struct erofs *fs, struct erofs_source *source);

/* 0; -EIO, -EOPNOTSUPP or the source's. `nid` may be any number. */
must_check int erofs_read_inode(const struct erofs *fs, uint64_t nid,
                                struct erofs_inode *out);

struct erofs_entry {
    uint64_t nid;
    enum erofs_kind kind; /* only a hint */
    const char *name;     /* no string: `len` characters, without NUL and '/' */
    size_t len;           /* 1 to EROFS_NAME_LIMIT */
};

/* The entry of a name in a directory: its nid and kind (the name stays in the image and
 * is NULL). -ENOENT if there is none; "." and ".." are there like others. */
must_check int erofs_lookup(const struct erofs *fs, const struct erofs_inode *dir,
                            const char *name, size_t len, struct erofs_entry *out);

/* The entry is valid until the return. `next` is where to go on after it. false: enough. */
typedef bool (*erofs_emit)(void *arg, const struct erofs_entry *entry, uint64_t next);

/*
 * Calls emit for the entries from cookie `from` on (0: the first one), "." and ".." among
 * them. 0 also if there are none; with an error, those before it have been shown. A cookie
 * that we never gave leads to some entry behind it.
 */
must_check int erofs_readdir(const struct erofs *fs, const struct erofs_inode *dir,
                             uint64_t from, erofs_emit emit, void *arg);

/* `len` bytes of a file that lie in one piece: on the device, in the image; or zeros. */
struct erofs_extent {
    bool hole;
    uint64_t position; /* of no hole; a multiple of the block size, but for tails */
    uint64_t len;      /* 0: the offset is at the end of the file, or behind it */
};

/* Where the byte at `offset` of a file is, and how much follows it there. 0 or an error. */
must_check int erofs_map(const struct erofs *fs, const struct erofs_inode *inode,
                         uint64_t offset, struct erofs_extent *out);

/* The number of bytes read, short only at the end of the file; or an error, and then
 * some of the buffer may have been filled. */
must_check long erofs_read(const struct erofs *fs, const struct erofs_inode *inode,
                           uint64_t offset, void *buf, size_t len);

/* Page `index` of a file, zeros behind its end. 0 or an error, as above. */
must_check int erofs_read_page(const struct erofs *fs, const struct erofs_inode *inode,
                               uint64_t index, void *page);

/* The target of a symbolic link as a string: `buf` has room for EROFS_LINK_LIMIT + 1.
 * Its length, at least 1; or an error. */
must_check long erofs_read_link(const struct erofs *fs, const struct erofs_inode *inode,
                                char *buf);
