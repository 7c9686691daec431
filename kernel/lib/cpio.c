/*
 * Reading cpio's newc archives.
 *
 *     +--------------+--------+-----+--------+-----+--------------+--
 *     | header, 110  | name 0 | pad | data   | pad | header       |
 *     +--------------+--------+-----+--------+-----+--------------+--
 *     ^              ^              ^              ^
 *     |              + 110          |              multiples of 4, counted from the
 *     a multiple of 4               +------------  first byte of the archive
 *
 * A header is the magic number and 13 numbers of eight hexadecimal digits, as text. The
 * size of the name counts its zero byte, and may count more of them: whoever writes an
 * archive moves the data to the start of a page in this way. An entry called TRAILER!!! ends the
 * archive. Zero bytes may follow, and then another archive.
 *
 * The archive comes from outside. So every size is compared with what is left before
 * anything behind it is read, and no sum can overflow: sizes have 32 bits.
 */
#include "lib/cpio.h"

#include "lib/errno.h"
#include "lib/string.h"

static const char magic[] = "070701";
static const char trailer[] = "TRAILER!!!";

enum { MAGIC = sizeof(magic) - 1, DIGITS = 8, ALIGNMENT = 4 };

/* The numbers of a header, in their order. */
enum field {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    FILE_SIZE,
    DEV_MAJOR,
    DEV_MINOR,
    RDEV_MAJOR,
    RDEV_MINOR,
    NAME_SIZE,
    CHECK,
    FIELDS
};

enum { HEADER = MAGIC + FIELDS * DIGITS };

static must_check int read_field(const uint8_t *digits, uint32_t *out)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < DIGITS; i++) {
        uint8_t c = digits[i];
        uint8_t letter = c | 0x20;
        if ('0' <= c && c <= '9') {
            n = n << 4 | (uint32_t)(c - '0');
        } else if ('a' <= letter && letter <= 'f') {
            n = n << 4 | (uint32_t)(letter - 'a' + 10);
        } else {
            return -EINVAL;
        }
    }
    *out = n;
    return 0;
}

static must_check int read_header(const uint8_t *header, uint32_t fields[FIELDS])
{
    if (memcmp(header, magic, MAGIC) != 0) return -EINVAL;
    for (unsigned i = 0; i < FIELDS; i++) {
        int err = read_field(header + MAGIC + i * DIGITS, &fields[i]);
        if (err) return err;
    }
    return 0;
}

/* A string of at least one character that ends inside its `size` bytes. */
static bool is_name(const uint8_t *name, size_t size)
{
    return size >= 2 && name[0] != 0 && name[size - 1] == 0;
}

static size_t align_up(size_t at)
{
    return (at + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Where the entry that begins at `at` ends, padding included. */
static must_check int read_entry(const struct cpio *archive, size_t at,
                                 struct cpio_entry *out, size_t *end)
{
    uint32_t fields[FIELDS];

    if (at % ALIGNMENT != 0) return -EINVAL;
    if (at > archive->size || archive->size - at < HEADER) return -EINVAL;
    int err = read_header(archive->bytes + at, fields);
    if (err) return err;

    size_t name = at + HEADER;
    if (archive->size - name < fields[NAME_SIZE]) return -EINVAL;
    if (!is_name(archive->bytes + name, fields[NAME_SIZE])) return -EINVAL;

    size_t data = align_up(name + fields[NAME_SIZE]);
    if (data > archive->size || archive->size - data < fields[FILE_SIZE]) return -EINVAL;

    *end = align_up(data + fields[FILE_SIZE]);
    *out = (struct cpio_entry){
        .name = (const char *)archive->bytes + name,
        .data = archive->bytes + data,
        .size = fields[FILE_SIZE],
        .ino = fields[INO],
        .mode = fields[MODE],
        .uid = fields[UID],
        .gid = fields[GID],
        .nlink = fields[NLINK],
        .mtime = fields[MTIME],
        .dev_major = fields[DEV_MAJOR],
        .dev_minor = fields[DEV_MINOR],
        .rdev_major = fields[RDEV_MAJOR],
        .rdev_minor = fields[RDEV_MINOR],
    };
    return 0;
}

static void skip_zeros(struct cpio *archive)
{
    while (archive->at < archive->size && archive->bytes[archive->at] == 0) {
        archive->at++;
    }
}

int cpio_next(struct cpio *archive, struct cpio_entry *out)
{
    for (;;) {
        struct cpio_entry entry;
        size_t end;

        if (archive->closed && archive->at >= archive->size) return -ENOENT;
        int err = read_entry(archive, archive->at, &entry, &end);
        if (err) return err;

        archive->at = end;
        archive->closed = strcmp(entry.name, trailer) == 0;
        if (!archive->closed) {
            *out = entry;
            return 0;
        }
        skip_zeros(archive);
    }
}
