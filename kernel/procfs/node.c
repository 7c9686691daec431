/*
 * See node.h.
 *
 * Inodes are made by lookup. What is about a process goes with its last user: the file system is
 * `forgetful` (fs/inode.h), so what the table of names has of it is in use, and little enough that
 * each walk asks whether it is still true (valid). What has no number on its way is always
 * true, and its name is kept (INODE_LASTING).
 *
 * Inode numbers come from the way to a node, so that they are the same each time:
 *
 *     of the system      fd << 44 | a byte for each name on the way: its place in its table
 *     of processes       pid << 44 | tid << 28 | place << 20 | fd
 */
#include "procfs/node.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "procfs/generated.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

enum {
    FIRST_COOKIE = 2,
    NUMBERS_COOKIE = 1 << 10, /* behind all tables: number n has this plus n */
    ROOT_INO = 1,
};

/* The numbers on the way. */
struct way {
    int pid, tid, fd;
    uint64_t born; /* of the process; 0: not known yet */
};

struct node {
    struct inode inode;
    const struct proc_entry *entry; /* set once, as is `way` */
    struct way way;
};

static const struct inode_ops proc_inode_ops, proc_magic_ops;

static struct node *node_of(struct inode *i)
{
    return container_of(i, struct node, inode);
}

static enum inode_kind kind_of(const struct proc_entry *e)
{
    enum inode_kind kind = INODE_REGULAR;
    bool known = inode_kind_of(e->mode, &kind);

    assert(known);
    return kind;
}

/* What n is about, and whose it is; 0, and then subject_end(). -ESRCH: its process has gone. */
static int subject_begin_owned(struct subject *s, const struct node *n,
                               const struct cred *who, struct proc_owner *owner)
{
    *s = (struct subject){
        .tid = n->way.tid, .fd = n->way.fd, .entry = n->entry, .who = who};
    if (n->way.pid) s->process = subject_find(n->way.pid, n->way.born, owner);
    return n->way.pid && !s->process ? -ESRCH : 0;
}

static int subject_begin(struct subject *s, const struct node *n, const struct cred *who)
{
    struct proc_owner owner;

    return subject_begin_owned(s, n, who, &owner);
}

static void subject_end(struct subject *s)
{
    if (s->process) subject_put(s->process);
}

static struct node *make_node(struct file_system *fs, const struct proc_entry *e)
{
    struct node *n = kmalloc(sizeof(*n));

    if (!n) return NULL;
    n->way = (struct way){0};
    inode_init(&n->inode, e->follow ? &proc_magic_ops : &proc_inode_ops, fs, kind_of(e),
               e->mode);
    n->entry = e;
    return n;
}

static void destroy(struct inode *i) { inode_free(i); }

/*
 * Names.
 */

/* A name in a directory: the place of its entry, from 1 on, or a number behind all entries. */
struct name {
    const struct proc_entry *entry; /* NULL: there is no such name */
    unsigned place;
    int number; /* -1: none */
    uint32_t mode;
};

/* A name as a number, written as numbers are; -1 if it is none. */
static int parse_number(const char *name, size_t len)
{
    int n = 0;

    if (len == 0 || len > 9 || (name[0] == '0' && len > 1)) return -1;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9') return -1;
        n = 10 * n + (name[i] - '0');
    }
    return n;
}

/* A name as the number that it is in this directory. */
static int number_of_name(const struct proc_directory *d, const char *name, size_t len)
{
    size_t skipped = d->prefix ? strlen(d->prefix) : 0;

    if (len < skipped || (skipped && memcmp(name, d->prefix, skipped) != 0)) return -1;
    return parse_number(name + skipped, len - skipped);
}

/* In the directory that s is about. */
static bool has_number(const struct subject *s, int number, uint32_t *mode)
{
    const struct proc_directory *d = s->entry->directory;

    if (number < 0 || d->number == NUMBER_NONE) return false;
    *mode = d->numbered->mode;
    return d->has(s, number, mode);
}

static struct name find_name(const struct subject *s, const char *name, size_t len)
{
    const struct proc_directory *d = s->entry->directory;
    const struct proc_entry *e = d->entries;
    struct name found = {.place = 1, .number = -1};

    for (; e && e->name; e++, found.place++) {
        if (e->name[0] != name[0]) continue;
        if (strncmp(e->name, name, len) != 0 || e->name[len] != 0) continue;
        found.entry = e;
        found.mode = e->mode;
        return found;
    }
    found.number = number_of_name(d, name, len);
    if (has_number(s, found.number, &found.mode)) found.entry = d->numbered;
    return found;
}

static struct way way_to(const struct node *dir, int number)
{
    struct way way = dir->way;

    if (number < 0) return way;
    switch (dir->entry->directory->number) {
    case NUMBER_PID:
        way.pid = number;
        break;
    case NUMBER_TID:
        way.tid = number;
        break;
    case NUMBER_FD:
        way.fd = number;
        break;
    case NUMBER_NONE:
        break;
    }
    return way;
}

static uint64_t ino_of(const struct node *dir, struct way way, unsigned place)
{
    if (way.pid == 0) return (uint64_t)way.fd << 44 | (dir->inode.ino << 8 | place);
    return (uint64_t)way.pid << 44 | (uint64_t)way.tid << 28 | (uint64_t)place << 20 |
           (uint64_t)way.fd;
}

/* What is about a process belongs to its user. */
static void set_owner(struct node *n, const struct proc_owner *owner)
{
    bool hidden = owner->hidden && !inode_is(&n->inode, INODE_DIRECTORY);

    if (n->way.born == 0) n->way.born = owner->born;
    inode_write(&n->inode.uid, hidden ? 0 : owner->uid);
    inode_write(&n->inode.gid, hidden ? 0 : owner->gid);
}

/* False: the process has gone. */
static bool take_owner(struct node *n)
{
    struct proc_owner owner;

    if (n->way.pid == 0) return true;
    struct process *p = subject_find(n->way.pid, n->way.born, &owner);
    if (!p) return false;
    subject_put(p);
    set_owner(n, &owner);
    return true;
}

/* In `dir`, which s is about and whose owner is known. */
static int lookup_in(const struct node *dir, const struct subject *s,
                     const struct proc_owner *owner, const char *text, size_t len,
                     struct node **out)
{
    struct name name = find_name(s, text, len);

    if (!name.entry) return -ENOENT;
    struct node *n = make_node(dir->inode.fs, name.entry);
    if (!n) return -ENOMEM;
    n->way = way_to(dir, name.number);
    n->inode.ino = ino_of(dir, n->way, name.place);
    n->inode.mode = name.mode & 07777;
    if (name.number < 0) n->inode.flags |= dir->inode.flags & INODE_LASTING;
    if (s->process) {
        set_owner(n, owner);
    } else if (!take_owner(n)) {
        inode_put(&n->inode);
        return -ENOENT;
    }
    *out = n;
    return 0;
}

static int lookup(struct inode *i, const char *text, size_t len, struct inode **out)
{
    const struct node *dir = node_of(i);
    struct proc_owner owner;
    struct subject s;
    struct node *n;

    if (subject_begin_owned(&s, dir, NULL, &owner)) return -ESRCH;
    int err = lookup_in(dir, &s, &owner, text, len, &n);
    subject_end(&s);
    if (!err) *out = &n->inode;
    return err;
}

/* A name that is not there may come, one that is there may go, and a process may become
 * another user's. */
static bool valid(struct dentry *d)
{
    const struct node *dir = node_of(d->parent->inode);
    const struct proc_directory *names = dir->entry->directory;
    struct subject s;
    uint32_t mode;

    if (!d->inode || !take_owner(node_of(d->inode))) return false;
    if (node_of(d->inode)->entry != names->numbered) return true;
    if (subject_begin(&s, dir, NULL)) return false;
    bool has = has_number(&s, number_of_name(names, d->name, d->len), &mode);
    subject_end(&s);
    return has;
}

struct listing {
    const struct node *dir;
    emit_fn emit;
    void *arg;
};

static bool list_entries(const struct listing *l, uint64_t from, unsigned *count)
{
    const struct proc_entry *e = l->dir->entry->directory->entries;
    unsigned place = 1;

    for (; e && e->name; e++, place++) {
        uint64_t cookie = FIRST_COOKIE + place - 1;
        if (cookie < from) continue;
        if (!l->emit(l->arg, e->name, strlen(e->name), ino_of(l->dir, l->dir->way, place),
                     kind_of(e), cookie + 1))
            return false;
    }
    *count = place;
    return true;
}

static bool list_number(const struct listing *l, int number, unsigned place)
{
    const struct proc_directory *d = l->dir->entry->directory;
    char name[24];
    size_t len =
        printf_buf(name, sizeof(name), "%s%d", d->prefix ? d->prefix : "", number);
    uint64_t ino = ino_of(l->dir, way_to(l->dir, number), place);

    return l->emit(l->arg, name, len, ino, kind_of(d->numbered),
                   NUMBERS_COOKIE + (uint64_t)number + 1);
}

static void list_numbers(const struct listing *l, const struct subject *s, uint64_t from,
                         unsigned place)
{
    int first = from > NUMBERS_COOKIE ? (int)(from - NUMBERS_COOKIE) : 0;
    int numbers[NUMBERS_AT_ONCE];
    unsigned n;

    do {
        n = l->dir->entry->directory->list(s, first, numbers);
        for (unsigned i = 0; i < n; i++) {
            if (!list_number(l, numbers[i], place)) return;
            first = numbers[i] + 1;
        }
    } while (n == NUMBERS_AT_ONCE);
}

static int readdir(struct inode *i, struct dentry *d, uint64_t from, emit_fn emit,
                   void *arg)
{
    struct listing l = {node_of(i), emit, arg};
    struct subject s;
    unsigned place;

    (void)d;
    if (subject_begin(&s, l.dir, NULL)) return -ENOENT;
    bool more = list_entries(&l, from, &place);
    if (more && l.dir->entry->directory->number != NUMBER_NONE) {
        list_numbers(&l, &s, from, place);
    }
    subject_end(&s);
    return 0;
}

/*
 * Links.
 */

static long readlink(struct inode *i, char *buf, size_t size)
{
    const struct node *n = node_of(i);
    struct subject s;

    long len = subject_begin(&s, n, subject_asker());
    if (len) return len;
    len = n->entry->guarded && !subject_may_look(s.process, s.who)
              ? -EACCES
              : n->entry->target(&s, buf, size);
    subject_end(&s);
    return len;
}

static int follow(struct inode *i, struct path *out)
{
    const struct node *n = node_of(i);
    struct subject s;

    int err = subject_begin(&s, n, subject_asker());
    if (err) return err;
    err = n->entry->guarded && !subject_may_look(s.process, s.who)
              ? -EACCES
              : n->entry->follow(&s, out);
    subject_end(&s);
    return err;
}

/*
 * Contents.
 */

static int show_entry(const struct subject *s, struct text *t)
{
    const struct proc_entry *e = s->entry;

    if (e->show) return e->show(s, t);
    text_printf(t, "%s\n", e->text);
    return 0;
}

static int show(struct file *f, struct text *t)
{
    struct subject s;

    int err = subject_begin(&s, node_of(f->inode), f->cred);
    if (err) return err;
    err = show_entry(&s, t);
    subject_end(&s);
    return err;
}

static int store_entry(const struct subject *s, char *line)
{
    const struct proc_entry *e = s->entry;

    if (e->store) return e->store(s, line);
    return e->text && strcmp(line, e->text) == 0 ? 0 : -EINVAL;
}

static int store(struct file *f, char *line)
{
    struct subject s;

    int err = subject_begin(&s, node_of(f->inode), f->cred);
    if (err) return err;
    err = store_entry(&s, line);
    subject_end(&s);
    return err;
}

static const struct generated_ops readable = {.show = show, .store = store},
                                  writable = {.store = store};

static int open_entry(const struct proc_entry *e, const struct subject *s, struct file *f)
{
    if (e->guarded && !subject_may_look(s->process, s->who)) return -EACCES;
    if (e->open) return e->open(s, f);
    return generated_open(f, e->show || e->text ? &readable : &writable);
}

static int open(struct inode *i, struct file *f)
{
    const struct node *n = node_of(i);
    struct subject s;

    if (inode_is(i, INODE_DIRECTORY)) {
        f->ops = &directory_file_ops;
        return 0;
    }
    int err = subject_begin(&s, n, f->cred);
    if (err) return err;
    err = open_entry(n->entry, &s, f);
    subject_end(&s);
    return err;
}

/* Shells open with O_TRUNC what they write to. */
static int resize(struct inode *i, uint64_t size)
{
    (void)i, (void)size;
    return 0;
}

static const struct inode_ops proc_inode_ops = {
    .lookup = lookup,
    .valid = valid,
    .readdir = readdir,
    .readlink = readlink,
    .resize = resize,
    .open = open,
    .destroy = destroy,
};

static const struct inode_ops proc_magic_ops = {
    .readlink = readlink,
    .follow = follow,
    .destroy = destroy,
};

/*
 * The whole.
 */

static void statistics(struct file_system *fs, struct fs_statistics *out)
{
    (void)fs;
    *out = (struct fs_statistics){.block_size = PAGE_SIZE, .name_max = NAME_LIMIT};
}

static void fs_destroy(struct file_system *fs) { kfree(fs); }

static const struct file_system_ops proc_fs_ops = {
    .statistics = statistics,
    .destroy = fs_destroy,
};

struct file_system *proc_create(const struct proc_entry *root, uint32_t magic)
{
    struct file_system *fs = kzalloc(sizeof(*fs));

    if (!fs) return NULL;
    file_system_init(fs, &proc_fs_ops, magic);
    fs->forgetful = true;
    struct node *n = make_node(fs, root);
    if (n) n->inode.ino = ROOT_INO;
    if (n) n->inode.flags = INODE_LASTING;
    if (n) fs->root = dentry_make_root(&n->inode, "/");
    if (fs->root) return fs;
    if (n) inode_put(&n->inode);
    file_system_put(fs);
    return NULL;
}
