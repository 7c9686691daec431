/*
 * See bind.h.
 *
 * A bind mount is another mount of the same file system, whose root may be any name in it.
 *
 *     mount A: /            mount C, root A's "x"     covers A's "y"
 *       x/                    m/  <-- D
 *         m/  <-- mount B
 *       y/  <-- C
 *
 * With `recursive`, what is mounted below x (B) is bound once more where it is seen below y (D).
 * The list of mounts is gone through once for each that was made; those made for it stand
 * in a list of their own, so that they can be taken away again if one of them fails.
 */
#include "fs/bind.h"

#include "fs/mount_internal.h"
#include "lib/errno.h"
#include "mm/slab.h"

/* A mount that is bound, and what was made of it. */
struct bound {
    struct list link;
    struct mount *old, *new; /* held */
    struct dentry *top;      /* of what is seen of the old one */
};

static bool is_unlinked(const struct dentry *d) { return d->parent != d && !d->hashed; }

static bool is_inside(const struct dentry *d, const struct dentry *top)
{
    while (d != top && d->parent != d) {
        d = d->parent;
    }
    return d == top;
}

static void free_bound(struct bound *b)
{
    list_remove(&b->link);
    mount_put(b->new);
    mount_put(b->old);
    kfree(b);
}

/* Binds `from` at `at`, and notes it down in `all`. */
static int bind_one(struct path from, struct path at, struct list *all)
{
    const struct mount *m = from.mount;
    struct bound *b = kmalloc(sizeof(*b));

    if (!b) return -ENOMEM;
    struct mount *made =
        mount_make(m->fs, from.dentry, inode_read(&m->flags), m->source, m->type);
    if (!made) {
        kfree(b);
        return -ENOMEM;
    }
    file_system_get(m->fs);
    int err = mount_attach(made, at);
    if (err) {
        mount_discard(made);
        file_system_put(m->fs);
        kfree(b);
        return err;
    }
    *b = (struct bound){.old = from.mount, .new = made, .top = from.dentry};
    path_get((struct path){from.mount, NULL});
    path_get((struct path){made, NULL});
    list_push_back(all, &b->link);
    return 0;
}

/* A mount that is seen below b->top and has not been looked at: held. The first behind `number`. */
static struct mount *next_below(const struct bound *b, uint64_t number, struct path *at)
{
    struct mount *found = NULL;
    struct list *it;

    tree_lock();
    list_for_each (it, &mounts) {
        struct mount *m = list_entry(it, struct mount, link);
        if (m->parent != b->old || m->number <= number) continue;
        if (found && found->number < m->number) continue;
        if (is_inside(m->covers, b->top)) found = m;
    }
    if (found) {
        *at = (struct path){b->new, found->covers};
        path_get(*at);
        path_get((struct path){found, NULL});
    }
    tree_unlock();
    return found;
}

/* What is mounted below one that was bound is bound, too, but for what was made by all this: the
 * number of the first is `first`. */
static int bind_below(const struct bound *b, uint64_t first, struct list *all)
{
    struct mount *m;
    struct path at;
    int err = 0;

    for (uint64_t n = 0; !err && (m = next_below(b, n, &at)) != NULL;) {
        n = m->number;
        if (n < first) err = bind_one((struct path){m, m->root}, at, all);
        path_put(at);
        mount_put(m);
    }
    return err;
}

static int bind_all_below(struct list *all)
{
    uint64_t first = list_entry(all->next, struct bound, link)->new->number;
    struct list *it;
    int err = 0;

    for (it = all->next; !err && it != all; it = it->next) {
        err = bind_below(list_entry(it, struct bound, link), first, all);
    }
    return err;
}

/* Somebody may have done so already. */
static void take_away(struct mount *m)
{
    int err = mount_remove((struct path){m, m->root}, true);

    (void)err;
}

int mount_bind(struct path from, struct path at, bool recursive)
{
    struct list all;

    if (!from.mount) return -EINVAL;
    tree_lock();
    bool gone = is_unlinked(from.dentry);
    tree_unlock();
    if (gone) return -ENOENT;
    list_init(&all);
    int err = bind_one(from, at, &all);
    if (!err && recursive) err = bind_all_below(&all);
    while (!list_empty(&all)) {
        struct bound *b = list_entry(all.prev, struct bound, link);
        if (err) take_away(b->new);
        free_bound(b);
    }
    return err;
}

int mount_move(struct path from, struct path at)
{
    if (!from.mount || from.dentry != from.mount->root) return -EINVAL;
    return mount_reattach(from.mount, at);
}

int mount_change(struct path at, uint32_t flags)
{
    if (!at.mount || at.dentry != at.mount->root) return -EINVAL;
    inode_write(&at.mount->flags, flags);
    return 0;
}
