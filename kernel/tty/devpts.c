/*
 * devpts: the directory of pseudo terminals.
 *
 * The table of pty.c is the directory: a name is a number in decimal, and is there while the pty
 * has its master. So nothing has to be told when one comes or goes. Names that the dentry
 * cache remembers, absent ones too, are compared with the table each time (valid): each pty has a
 * serial number, and each inode that of the pty for which it was made.
 *
 * What chmod and chown change is kept in the table; an inode is a copy. If devpts is mounted
 * twice, each mount sees the changes of the other when it looks a name up anew.
 */
#include "fs/path.h"
#include "lib/addr.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/slab.h"
#include "tty/internal.h"
#include "tty/pty.h"
#include "uapi/stat.h"

enum { ROOT_NUMBER = 1, FIRST_NUMBER = 3 }; /* inode numbers, as Linux gives them */

struct devpts_inode {
    struct inode inode;
    unsigned index;
    uint64_t serial; /* of the pty; 0: the root */
};

static struct devpts_inode *node_of(struct inode *i)
{
    return container_of(i, struct devpts_inode, inode);
}

/* The number that a name says; -1: none. */
static int parse(const char *name, size_t len)
{
    int n = 0;

    if (len == 0 || len > 4 || (name[0] == '0' && len > 1)) return -1;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9') return -1;
        n = n * 10 + (name[i] - '0');
    }
    return n;
}

/* The pty that has this name, if any. */
static struct pty_attributes find(const char *name, size_t len, unsigned *index)
{
    int n = parse(name, len);

    *index = n < 0 ? PTY_MOST : (unsigned)n;
    return pty_attributes(*index);
}

static const struct inode_ops slave_inode_ops;

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    unsigned index;
    struct pty_attributes a = find(name, len, &index);

    if (a.serial == 0) return -ENOENT;
    struct devpts_inode *node = kzalloc(sizeof(*node));
    if (!node) return -ENOMEM;
    struct inode *i = &node->inode;
    inode_init(i, &slave_inode_ops, dir->fs, INODE_CHAR, a.mode);
    node->index = index;
    node->serial = a.serial;
    i->ino = FIRST_NUMBER + index;
    i->rdev = device_number(PTS_MAJOR, index);
    i->uid = a.uid;
    i->gid = a.gid;
    i->atime = i->mtime = i->ctime = a.time;
    *out = i;
    return 0;
}

static bool valid(struct dentry *d)
{
    struct inode *i = dentry_inode(d);
    unsigned index;

    return find(d->name, d->len, &index).serial == (i ? node_of(i)->serial : 0);
}

static int readdir(struct inode *dir, struct dentry *d, uint64_t from, emit_fn emit,
                   void *arg)
{
    char name[12];

    (void)dir;
    (void)d;
    for (uint64_t at = from < 2 ? 2 : from; at < PTY_MOST + 2; at++) {
        unsigned index = (unsigned)(at - 2);
        if (pty_attributes(index).serial == 0) continue;
        size_t len = printf_buf(name, sizeof(name), "%u", index);
        if (!emit(arg, name, len, FIRST_NUMBER + index, INODE_CHAR, at + 1)) break;
    }
    return 0;
}

static int changed(struct inode *i)
{
    const struct devpts_inode *node = node_of(i);
    const struct pty_attributes a = {node->serial, i->mode, i->uid, i->gid, i->mtime};

    pty_set_attributes(node->index, &a);
    return 0;
}

static int open(struct inode *i, struct file *f)
{
    const struct devpts_inode *node = node_of(i);

    return pty_open_slave(node->index, node->serial, f);
}

static void destroy(struct inode *i) { inode_free(i); }

static const struct inode_ops slave_inode_ops = {
    .changed = changed, .open = open, .destroy = destroy};
static const struct inode_ops root_inode_ops = {
    .lookup = lookup, .valid = valid, .readdir = readdir, .destroy = destroy};

static void statistics(struct file_system *fs, struct fs_statistics *out)
{
    (void)fs;
    *out = (struct fs_statistics){.block_size = PAGE_SIZE, .name_max = NAME_LIMIT};
}

static void destroy_fs(struct file_system *fs) { kfree(fs); }

static const struct file_system_ops devpts_ops = {.statistics = statistics,
                                                  .destroy = destroy_fs};

struct file_system *devpts_create(void)
{
    struct file_system *fs = kzalloc(sizeof(*fs));
    struct devpts_inode *root = kzalloc(sizeof(*root));

    if (!fs || !root) {
        kfree(fs);
        kfree(root);
        return NULL;
    }
    file_system_init(fs, &devpts_ops, DEVPTS_SUPER_MAGIC);
    inode_init(&root->inode, &root_inode_ops, fs, INODE_DIRECTORY, 0755);
    root->inode.ino = ROOT_NUMBER;
    fs->root = dentry_make_root(&root->inode, "/");
    if (fs->root) return fs;
    inode_put(&root->inode);
    file_system_put(fs);
    return NULL;
}
