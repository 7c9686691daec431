/*
 * See initramfs.h.
 *
 * Each entry is made by the calls that a program would use, with all capabilities, so there is
 * nothing here that knows the file system. What has a second name is remembered by its
 * number in the archive until the end: later entries with that number are links to it, and
 * whichever of them brings bytes, they are the file's.
 *
 * A directory's times come last, in a second pass: what is put into it would change them.
 */
#include "fs/initramfs.h"

#include "fs/attributes.h"
#include "fs/cred.h"
#include "fs/file.h"
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

enum { SEEN_BUCKETS = 64 };

/* A file that may come again. */
struct seen {
    struct seen *next;
    uint32_t ino, dev_major, dev_minor;
    struct path path; /* held */
};

struct unpacking {
    struct walk_env env;
    struct seen *seen[SEEN_BUCKETS];
};

static bool may_come_again(const struct cpio_entry *e)
{
    return (e->mode & S_IFMT) != S_IFDIR && e->nlink > 1;
}

static struct seen **bucket(struct unpacking *u, const struct cpio_entry *e)
{
    return &u->seen[e->ino % SEEN_BUCKETS];
}

static struct seen *find_seen(struct unpacking *u, const struct cpio_entry *e)
{
    struct seen *s = *bucket(u, e);

    while (s && (s->ino != e->ino || s->dev_major != e->dev_major ||
                 s->dev_minor != e->dev_minor)) {
        s = s->next;
    }
    return s;
}

static int remember(struct unpacking *u, const struct cpio_entry *e, struct path p)
{
    struct seen *s = kmalloc(sizeof(*s));

    if (!s) return -ENOMEM;
    *s = (struct seen){*bucket(u, e), e->ino, e->dev_major, e->dev_minor, p};
    path_get(p);
    *bucket(u, e) = s;
    return 0;
}

static void forget_all(struct unpacking *u)
{
    for (unsigned i = 0; i < SEEN_BUCKETS; i++) {
        while (u->seen[i]) {
            struct seen *s = u->seen[i];
            u->seen[i] = s->next;
            path_put(s->path);
            kfree(s);
        }
    }
}

/* What is there already goes, but a directory that comes again stays. */
static int clear_name(struct unpacking *u, const struct cpio_entry *e, bool *there)
{
    struct path p;
    int err = path_walk(&u->env, e->name, 0, &p);

    *there = false;
    if (err) return err == -ENOENT ? 0 : err;
    bool directory = inode_is(path_inode(p), INODE_DIRECTORY);
    path_put(p);
    if (directory && (e->mode & S_IFMT) == S_IFDIR) {
        *there = true;
        return 0;
    }
    return directory ? path_remove_directory(&u->env, e->name)
                     : path_unlink(&u->env, e->name);
}

/* The bytes of a link are its text. */
static int make_link(struct unpacking *u, const struct cpio_entry *e)
{
    if (e->size == 0 || e->size >= PATH_LIMIT) return -EINVAL;
    char *text = kmalloc(e->size + 1);
    if (!text) return -ENOMEM;
    memcpy(text, e->data, e->size);
    text[e->size] = 0;
    int err = path_symlink(&u->env, text, e->name);
    kfree(text);
    return err;
}

static int make_name(struct unpacking *u, const struct cpio_entry *e)
{
    uint64_t number = device_number(e->rdev_major, e->rdev_minor);

    switch (e->mode & S_IFMT) {
    case S_IFDIR:
        return path_make_directory(&u->env, e->name, e->mode);
    case S_IFLNK:
        return make_link(u, e);
    case 0:
        return -EINVAL;
    default:
        return path_make(&u->env, e->name, e->mode, number);
    }
}

static int write_all(struct path p, const struct cpio_entry *e)
{
    struct transfer t;
    struct file *f;

    int err = path_open_found(p, O_WRONLY | O_TRUNC, &root_cred, &f);
    if (err) return err;
    transfer_kernel(&t, e->data, e->size);
    long n = file_write(f, &t);
    file_put(f);
    if (n < 0) return (int)n;
    return (size_t)n == e->size ? 0 : -ENOSPC;
}

static int set_times(struct path p, const struct cpio_entry *e)
{
    struct time_change t = {TIME_SET, (file_time_t)e->mtime * 1000000000};

    return path_set_times(p, t, t, &root_cred);
}

/* The owner first: a change of it takes set-user-ID bits away. */
static int set_attributes(struct path p, const struct cpio_entry *e)
{
    int err = path_chown(p, e->uid, e->gid, &root_cred);

    if (!err && (e->mode & S_IFMT) != S_IFLNK) err = path_chmod(p, e->mode, &root_cred);
    return err ? err : set_times(p, e);
}

static int fill(struct unpacking *u, const struct cpio_entry *e, bool known)
{
    bool regular = (e->mode & S_IFMT) == S_IFREG;
    struct path p;
    int err = path_walk(&u->env, e->name, 0, &p);

    if (err) return err;
    if (regular && e->size > 0) err = write_all(p, e);
    if (!err) err = set_attributes(p, e);
    if (!err && may_come_again(e) && !known) err = remember(u, e, p);
    path_put(p);
    return err;
}

static bool same_kind(const struct cpio_entry *e, struct path p)
{
    const struct inode *i = path_inode(p);

    return inode_kind_mode((enum inode_kind)i->kind) == (e->mode & S_IFMT);
}

static int unpack_entry(struct unpacking *u, const struct cpio_entry *e)
{
    struct seen *s = may_come_again(e) ? find_seen(u, e) : NULL;
    bool there;

    if (s && !same_kind(e, s->path)) return -EINVAL;
    int err = clear_name(u, e, &there);
    if (!err && !there) err = s ? path_link(s->path, &u->env, e->name) : make_name(u, e);
    return err ? err : fill(u, e, s != NULL);
}

/* Directories have all that is in them; their times are the archive's again. */
static int unpack_directory_times(struct unpacking *u, struct cpio archive)
{
    struct cpio_entry e;
    int err = 0;

    while (!err && cpio_next(&archive, &e) == 0) {
        struct path p;
        if ((e.mode & S_IFMT) != S_IFDIR || path_walk(&u->env, e.name, 0, &p)) continue;
        if (inode_is(path_inode(p), INODE_DIRECTORY)) err = set_times(p, &e);
        path_put(p);
    }
    return err;
}

static void note_failure(struct initramfs_result *result, const char *name)
{
    size_t len = strlen(name);

    if (len > NAME_LIMIT) name += len - NAME_LIMIT;
    memcpy(result->name, name, strlen(name) + 1);
}

int initramfs_unpack(struct path root, const void *bytes, size_t size,
                     struct initramfs_result *result)
{
    struct unpacking *u = kzalloc(sizeof(*u));
    struct cpio archive = cpio_open(bytes, size);
    struct cpio_entry e;
    int err = 0, end = 0;

    *result = (struct initramfs_result){0};
    if (!u) return -ENOMEM;
    u->env = (struct walk_env){.root = root, .start = root, .who = &root_cred};
    while (!err && (end = cpio_next(&archive, &e)) == 0) {
        err = unpack_entry(u, &e);
        if (err) note_failure(result, e.name);
        if (!err) result->entries++;
    }
    if (!err && end != -ENOENT) err = end;
    if (!err) err = unpack_directory_times(u, cpio_open(bytes, size));
    forget_all(u);
    kfree(u);
    return err;
}
