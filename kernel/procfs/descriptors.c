/*
 * /proc/PID/fd and fdinfo: open files by descriptor.
 *
 * A link shows where its file is, or was, and leads to the file itself: what has lost its
 * name, and what never had one, is found all the same.
 */
#include "procfs/internal.h"

#include "lib/errno.h"
#include "proc/fdtable.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

/* The file of descriptor s->fd, held. -ENOENT. */
static int get_file(const struct subject *s, struct file **out)
{
    struct fd_table *files = process_get_files(s->process);

    if (!files) return -ENOENT;
    int err = fd_get(files, s->fd, out);
    fd_table_put(files);
    return err ? -ENOENT : 0;
}

static unsigned list_descriptors(const struct subject *s, int from, int *out)
{
    struct fd_table *files = process_get_files(s->process);
    struct file *f;
    unsigned n = 0;

    if (!files) return 0;
    while (n < NUMBERS_AT_ONCE && (from = fd_next(files, from, &f)) >= 0) {
        file_put(f);
        out[n++] = from++;
    }
    fd_table_put(files);
    return n;
}

static bool has_descriptor(const struct subject *s, int number, uint32_t *mode)
{
    struct subject one = *s;
    struct file *f;

    (void)mode;
    one.fd = number;
    if (get_file(&one, &f)) return false;
    file_put(f);
    return true;
}

/* The permissions of a link say how its file was opened. */
static bool has_link(const struct subject *s, int number, uint32_t *mode)
{
    struct subject one = *s;
    struct file *f;

    one.fd = number;
    if (get_file(&one, &f)) return false;
    *mode = 0100;
    if (file_may_read(f)) *mode |= 0400;
    if (file_may_write(f)) *mode |= 0200;
    file_put(f);
    return true;
}

static long show_target(const struct subject *s, char *buf, size_t size)
{
    struct file *f;

    int err = get_file(s, &f);
    if (err) return err;
    long len = describe_path(f->path, buf, size);
    file_put(f);
    return len;
}

static int follow(const struct subject *s, struct path *out)
{
    struct file *f;
    int err = get_file(s, &f);

    return err ? err : follow_file(f, out);
}

/* Digits of base 8. */
static void show_octal(struct text *t, unsigned n)
{
    char digits[12];
    unsigned at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + (n & 7));
        n >>= 3;
    } while (n);
    text_put(t, digits + at, sizeof(digits) - at);
}

static int show_info(const struct subject *s, struct text *t)
{
    struct fd_table *files = process_get_files(s->process);
    struct file *f;
    int flags = files ? fd_get_flags(files, s->fd) : 0;

    if (files) fd_table_put(files);
    int err = get_file(s, &f);
    if (err) return err;
    unsigned shown = file_flags(f) | O_LARGEFILE;
    if (flags > 0 && flags & FD_CLOSE_ON_EXEC) shown |= O_CLOEXEC;
    text_printf(t, "pos:\t%lu\nflags:\t0", __atomic_load_n(&f->pos, __ATOMIC_RELAXED));
    show_octal(t, shown);
    text_printf(t, "\nmnt_id:\t%lu\nino:\t%lu\n",
                f->path.mount ? f->path.mount->number : 0, f->inode->ino);
    file_put(f);
    return 0;
}

static const struct proc_entry fd_entry = {
    .mode = S_IFLNK | 0777, .guarded = true, .target = show_target, .follow = follow};
static const struct proc_entry fdinfo_entry = {
    .mode = S_IFREG | 0444, .guarded = true, .show = show_info};

const struct proc_directory fd_directory = {
    .number = NUMBER_FD,
    .numbered = &fd_entry,
    .list = list_descriptors,
    .has = has_link,
};

const struct proc_directory fdinfo_directory = {
    .number = NUMBER_FD,
    .numbered = &fdinfo_entry,
    .list = list_descriptors,
    .has = has_descriptor,
};
