/* See fs_context.h. What a path was is let go when no lock is held: that may be the last of it. */
#include "proc/fs_context.h"

#include "mm/slab.h"

static struct fs_context *make(struct path root, struct path cwd, uint32_t umask)
{
    struct fs_context *c = kzalloc(sizeof(*c));

    if (!c) return NULL;
    c->refs = 1;
    mutex_init(&c->lock);
    c->root = root;
    c->cwd = cwd;
    c->umask = umask;
    return c;
}

struct fs_context *fs_context_create(struct path root)
{
    enum { USUAL_UMASK = 022 };
    struct fs_context *c = make(root, root, USUAL_UMASK);

    if (!c) return NULL;
    path_get(root);
    path_get(root);
    return c;
}

struct fs_context *fs_context_clone(struct fs_context *from)
{
    uint32_t umask = __atomic_load_n(&from->umask, __ATOMIC_RELAXED);

    /* Both at one moment: somebody may be changing both. */
    mutex_lock(&from->lock);
    struct path root = from->root, cwd = from->cwd;
    path_get(root);
    path_get(cwd);
    mutex_unlock(&from->lock);
    struct fs_context *c = make(root, cwd, umask);
    if (!c) {
        path_put(root);
        path_put(cwd);
    }
    return c;
}

void fs_context_get(struct fs_context *c)
{
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}

void fs_context_put(struct fs_context *c)
{
    if (__atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    path_put(c->root);
    path_put(c->cwd);
    kfree(c);
}

static void set(struct fs_context *c, struct path *which, struct path to)
{
    path_get(to);
    mutex_lock(&c->lock);
    struct path was = *which;
    *which = to;
    mutex_unlock(&c->lock);
    path_put(was);
}

static struct path get(struct fs_context *c, const struct path *which)
{
    mutex_lock(&c->lock);
    struct path p = *which;
    path_get(p);
    mutex_unlock(&c->lock);
    return p;
}

void fs_context_set_cwd(struct fs_context *c, struct path to) { set(c, &c->cwd, to); }
void fs_context_set_root(struct fs_context *c, struct path to) { set(c, &c->root, to); }
struct path fs_context_cwd(struct fs_context *c) { return get(c, &c->cwd); }
struct path fs_context_root(struct fs_context *c) { return get(c, &c->root); }
