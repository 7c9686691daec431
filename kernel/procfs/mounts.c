/*
 * What is mounted, as a process sees it from its root: mounts (as fstab(5)) and mountinfo
 * (proc_pid_mountinfo(5)). What lies outside is not shown.
 */
#include "procfs/internal.h"

#include "fs/path.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/fs_context.h"
#include "uapi/stat.h"

/* One mount, and where it is. */
typedef void (*show_mount_fn)(const struct mount *m, const char *where, struct text *t);

static void show_options(uint32_t flags, struct text *t)
{
    text_printf(t, flags & MOUNT_RDONLY ? "ro" : "rw");
    if (flags & MOUNT_NOSUID) text_printf(t, ",nosuid");
    if (flags & MOUNT_NODEV) text_printf(t, ",nodev");
    if (flags & MOUNT_NOEXEC) text_printf(t, ",noexec");
    text_printf(t, ",relatime");
}

static void show_fstab_line(const struct mount *m, const char *where, struct text *t)
{
    text_put_escaped(t, m->source);
    text_put(t, " ", 1);
    text_put_escaped(t, where);
    text_printf(t, " %s ", m->type);
    show_options(inode_read(&m->flags), t);
    text_printf(t, " 0 0\n");
}

static void show_info_line(const struct mount *m, const char *where, struct text *t)
{
    uint64_t device = m->fs->device;

    text_printf(t, "%lu %lu %u:%u / ", m->number, mount_parent_number(m),
                device_major(device), device_minor(device));
    text_put_escaped(t, where);
    text_put(t, " ", 1);
    show_options(inode_read(&m->flags), t);
    text_printf(t, " - %s ", m->type);
    text_put_escaped(t, m->source);
    text_printf(t, m->fs->read_only ? " ro\n" : " rw\n");
}

static void show_all(struct path root, char *where, struct text *t, show_mount_fn show)
{
    struct mount *m;

    for (unsigned i = 0; !t->err && (m = mount_at(i)) != NULL; i++) {
        long len = path_describe((struct path){m, m->root}, root, where, PATH_LIMIT);
        if (len > 0 && *where == '/') show(m, where, t);
        mount_put(m);
    }
}

static int show_from_root(const struct subject *s, struct text *t, show_mount_fn show)
{
    struct fs_context *fs = process_get_fs(s->process);
    char *where = kmalloc(PATH_LIMIT);
    int err = where ? 0 : -ENOMEM;

    if (!fs) err = -EINVAL;
    if (!err) {
        struct path root = fs_context_root(fs);
        show_all(root, where, t, show);
        path_put(root);
    }
    kfree(where);
    if (fs) fs_context_put(fs);
    return err;
}

int show_mounts(const struct subject *s, struct text *t)
{
    return show_from_root(s, t, show_fstab_line);
}

int show_mountinfo(const struct subject *s, struct text *t)
{
    return show_from_root(s, t, show_info_line);
}
