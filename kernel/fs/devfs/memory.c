/*
 * Devices that are memory and nothing else. See devfs.h.
 *
 *             read          write
 *     null    nothing       swallowed
 *     zero    zeros         swallowed
 *     full    zeros         -ENOSPC
 *     random  never ends    stirred in
 */
#include "fs/devfs/devfs.h"

#include "drivers/random.h"
#include "fs/devices.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "uapi/stat.h"

enum { MEMORY_MAJOR = 1, MINOR_NULL = 3, MINOR_ZERO = 5, MINOR_FULL = 7 };
enum { MINOR_RANDOM = 8, MINOR_URANDOM = 9 };

static long read_nothing(struct file *f, struct transfer *t, uint64_t *pos)
{
    (void)f;
    (void)t;
    (void)pos;
    return 0;
}

/* Page by page, since a signal may come. */
static noinline long read_many_zeros(struct transfer *t)
{
    long total = 0;

    while (t->left) {
        size_t len = t->left < PAGE_SIZE ? t->left : PAGE_SIZE;
        if (file_interrupted()) return total ? total : -ERESTARTSYS;
        long n = transfer_zeros(t, len);
        if (n < 0) return total ? total : n;
        total += n;
        if ((size_t)n < len) break;
    }
    return total;
}

static long read_zeros(struct file *f, struct transfer *t, uint64_t *pos)
{
    (void)f;
    (void)pos;
    if (unlikely(t->left > PAGE_SIZE)) return read_many_zeros(t);
    return transfer_zeros(t, t->left);
}

static long swallow(struct file *f, struct transfer *t, uint64_t *pos)
{
    long n = (long)t->left;

    (void)f;
    (void)pos;
    t->left = 0;
    return n;
}

static long write_full(struct file *f, struct transfer *t, uint64_t *pos)
{
    (void)f;
    (void)t;
    (void)pos;
    return -ENOSPC;
}

/* Piece by piece, by way of a buffer that is forgotten afterwards. */
static long random_move(struct transfer *t, bool out)
{
    uint8_t bytes[256];
    long total = 0, n = 0;

    while (t->left) {
        size_t len = t->left < sizeof(bytes) ? t->left : sizeof(bytes);
        if (file_interrupted()) {
            n = -ERESTARTSYS;
            break;
        }
        if (out) random_bytes(bytes, len);
        n = out ? transfer_out(t, bytes, len) : transfer_in(t, bytes, len);
        if (n < 0) break;
        if (!out) random_add(bytes, (size_t)n);
        total += n;
        if ((size_t)n < len) break;
    }
    memset(bytes, 0, sizeof(bytes));
    __asm__ volatile("" : : "r"(bytes) : "memory"); /* the clearing is not for nothing */
    return total ? total : n;
}

static long read_random(struct file *f, struct transfer *t, uint64_t *pos)
{
    (void)f;
    (void)pos;
    return random_move(t, true);
}

static long write_random(struct file *f, struct transfer *t, uint64_t *pos)
{
    (void)f;
    (void)pos;
    return random_move(t, false);
}

/* A private mapping of zeros is anonymous memory. */
static int map_zeros(struct file *f, uint64_t offset, size_t len, unsigned prot,
                     bool shared, struct mapping_source *out)
{
    (void)f;
    (void)offset;
    (void)len;
    (void)prot;
    if (shared) return -ENODEV;
    *out = (struct mapping_source){0};
    return 0;
}

static const struct file_ops null_ops = {
    .read = read_nothing, .write = swallow, .seek = file_seek_nowhere};
static const struct file_ops zero_ops = {
    .read = read_zeros, .write = swallow, .seek = file_seek_nowhere, .map = map_zeros};
static const struct file_ops full_ops = {
    .read = read_zeros, .write = write_full, .seek = file_seek_nowhere};
static const struct file_ops random_ops = {
    .read = read_random, .write = write_random, .seek = file_seek_nowhere};

static int open(struct inode *i, struct file *f)
{
    switch (device_minor(i->rdev)) {
    case MINOR_NULL:
        f->ops = &null_ops;
        return 0;
    case MINOR_ZERO:
        f->ops = &zero_ops;
        return 0;
    case MINOR_FULL:
        f->ops = &full_ops;
        return 0;
    default:
        f->ops = &random_ops;
        return 0;
    }
}

static struct char_device devices[] = {
    {"null", 0, 1, 0666, open, NULL},    {"zero", 0, 1, 0666, open, NULL},
    {"full", 0, 1, 0666, open, NULL},    {"random", 0, 1, 0666, open, NULL},
    {"urandom", 0, 1, 0666, open, NULL},
};
static const uint32_t minors[] = {MINOR_NULL, MINOR_ZERO, MINOR_FULL, MINOR_RANDOM,
                                  MINOR_URANDOM};

int memory_devices_init(void)
{
    int err = 0;

    for (unsigned i = 0; !err && i < ARRAY_SIZE(devices); i++) {
        devices[i].number = device_number(MEMORY_MAJOR, minors[i]);
        err = device_register(&devices[i]);
    }
    return err;
}
