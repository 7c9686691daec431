/*
 * Names of sockets.
 *
 *     a path          bind(2) makes an inode, whose `special` is the socket while it is open;
 *                     connecting finds the inode by an ordinary walk. The inode stays
 *     abstract        its first byte is NUL, and all of its bytes count; a table has it, by name
 *                     and type, and it goes with the socket
 *     none            two bytes of family: bind(2) and SO_PASSCRED choose an abstract one
 *
 * A socket gets a name once. Connections share the one of their listener, so an address counts who
 * has it, and outlives the socket for those who ask whom they were connected to.
 *
 * Locks: names_lock, a mutex, for the table and for giving names; the lock of an inode inside it,
 * and the lock of a socket inside that.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "socket/internal.h"
#include "uapi/stat.h"

enum { BUCKETS = 64, FAMILY_LEN = sizeof(uint16_t), AUTOMATIC = 1 << 20 };

static struct mutex names_lock;
static struct list table[BUCKETS]; /* NULL links: empty. Under names_lock */
static unsigned next_automatic;    /* likewise */

void address_get(struct address *a) { __atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED); }

void address_put(struct address *a)
{
    if (__atomic_fetch_sub(&a->refs, 1, __ATOMIC_ACQ_REL) == 1) kfree(a);
}

static struct address *make(struct socket *owner, const struct socket_address *name)
{
    struct address *a = kmalloc(sizeof(*a));

    if (!a) return NULL;
    *a = (struct address){.refs = 1, .type = owner->type, .name = *name, .owner = owner};
    list_init(&a->link);
    return a;
}

/* A name, whether there is one of it or not. */
static int check(const struct socket_address *a)
{
    if (a->len <= FAMILY_LEN || a->len > sizeof(a->un)) return -EINVAL;
    return a->un.family == AF_UNIX ? 0 : -EINVAL;
}

static bool is_abstract(const struct socket_address *a) { return a->un.path[0] == 0; }

/*
 * Abstract names. names_lock is held.
 */
static struct list *bucket_of(const struct socket_address *a, unsigned type)
{
    const char *bytes = (const char *)&a->un;
    uint64_t hash = type;

    for (size_t i = 0; i < a->len; i++) {
        hash = hash * 31 + (unsigned char)bytes[i];
    }
    struct list *bucket = &table[hash % BUCKETS];
    if (!bucket->next) list_init(bucket);
    return bucket;
}

static struct address *find_abstract(const struct socket_address *name, unsigned type)
{
    struct list *bucket = bucket_of(name, type), *at;

    list_for_each (at, bucket) {
        struct address *a = list_entry(at, struct address, link);
        bool same = a->type == type && a->name.len == name->len &&
                    memcmp(&a->name.un, &name->un, name->len) == 0;
        if (same) return a;
    }
    return NULL;
}

/* The socket has this name now, whose reference it takes. */
static void give(struct socket *s, struct address *a)
{
    socket_lock(s);
    s->address = a;
    socket_unlock(s);
}

static int give_abstract(struct socket *s, const struct socket_address *name)
{
    if (find_abstract(name, s->type)) return -EADDRINUSE;
    struct address *a = make(s, name);
    if (!a) return -ENOMEM;
    list_push_back(bucket_of(name, s->type), &a->link);
    give(s, a);
    return 0;
}

/* Five digits, as Linux gives them. */
static int give_automatic(struct socket *s)
{
    for (unsigned tries = 0; tries < AUTOMATIC; tries++) {
        struct socket_address name = {.un.family = AF_UNIX, .len = FAMILY_LEN + 6};
        printf_buf(name.un.path + 1, 6, "%05x", next_automatic++ % AUTOMATIC);
        int err = give_abstract(s, &name);
        if (err != -EADDRINUSE) return err;
    }
    return -ENOSPC;
}

/*
 * Names in the tree.
 */
struct path_text {
    char text[UNIX_PATH_MAX + 1];
};

/* With the NUL that may be missing; a->len becomes what counts of it. */
static void path_text(struct socket_address *a, struct path_text *out)
{
    size_t len = a->len - FAMILY_LEN;

    memcpy(out->text, a->un.path, len);
    out->text[len] = 0;
    a->len = FAMILY_LEN + strlen(out->text) + 1;
}

/* The inode at p becomes the socket's. */
static int settle(struct socket *s, struct path p)
{
    struct inode *i = path_inode(p);

    mutex_lock(&i->lock);
    int err = inode_is(i, INODE_SOCKET) && !i->special ? 0 : -EADDRINUSE;
    if (!err) i->special = s;
    mutex_unlock(&i->lock);
    return err;
}

static int make_inode(struct socket *s, const char *path, const struct walk_env *env)
{
    uint32_t mode = S_IFSOCK | (inode_read(&s->file->inode->mode) & 0777);
    struct path p;
    int err = path_make(env, path, mode, 0);

    if (err) return err == -EEXIST ? -EADDRINUSE : err;
    err = path_walk(env, path, 0, &p);
    if (err) return err;
    err = settle(s, p);
    if (err) {
        path_put(p);
    } else {
        s->bound = p;
    }
    return err;
}

static int give_path(struct socket *s, const struct socket_address *wanted,
                     const struct walk_env *env)
{
    struct socket_address name = *wanted;
    struct path_text path;

    path_text(&name, &path);
    struct address *a = make(s, &name);
    if (!a) return -ENOMEM;
    int err = make_inode(s, path.text, env);
    if (err) {
        address_put(a);
    } else {
        give(s, a);
    }
    return err;
}

int socket_bind(struct file *f, const struct socket_address *a,
                const struct walk_env *env)
{
    bool automatic = a->len == FAMILY_LEN && a->un.family == AF_UNIX;
    struct socket *s;
    int err = socket_find(f, &s);

    if (!err && !automatic) err = check(a);
    if (err) return err;
    mutex_lock(&names_lock);
    if (s->address) {
        err = automatic ? 0 : -EINVAL;
    } else if (automatic) {
        err = give_automatic(s);
    } else {
        err = is_abstract(a) ? give_abstract(s, a) : give_path(s, a, env);
    }
    mutex_unlock(&names_lock);
    return err;
}

int name_for_creds(struct socket *s)
{
    int err = 0;

    if (!socket_passes_creds(s)) return 0;
    mutex_lock(&names_lock);
    if (!s->address) err = give_automatic(s);
    mutex_unlock(&names_lock);
    return err;
}

void name_release(struct socket *s)
{
    struct path p = {0};

    mutex_lock(&names_lock);
    if (s->address && s->address->owner == s) list_remove(&s->address->link);
    if (s->bound.dentry) {
        p = s->bound;
        s->bound = (struct path){0};
        struct inode *i = path_inode(p);
        mutex_lock(&i->lock);
        i->special = NULL;
        mutex_unlock(&i->lock);
    }
    mutex_unlock(&names_lock);
    path_put(p);
}

/*
 * Finding.
 */
static int find_path(const struct socket_address *wanted, const struct walk_env *env,
                     struct socket **out)
{
    struct socket_address name = *wanted;
    struct path_text text;
    struct path p;

    path_text(&name, &text);
    int err = path_walk(env, text.text, WALK_FOLLOW, &p);
    if (err) return err;
    struct inode *i = path_inode(p);
    err = inode_permission(i, MAY_WRITE, env->who);
    if (!err && !inode_is(i, INODE_SOCKET)) err = -ECONNREFUSED;
    if (!err) {
        mutex_lock(&i->lock);
        *out = i->special;
        if (*out) socket_get(*out);
        mutex_unlock(&i->lock);
        if (!*out) err = -ECONNREFUSED;
    }
    path_put(p);
    return err;
}

static int find_named(const struct socket_address *name, unsigned type,
                      struct socket **out)
{
    mutex_lock(&names_lock);
    const struct address *a = find_abstract(name, type);
    if (a) {
        *out = a->owner;
        socket_get(*out);
    }
    mutex_unlock(&names_lock);
    return a ? 0 : -ECONNREFUSED;
}

int name_find(const struct socket_address *a, unsigned type, const struct walk_env *env,
              struct socket **out)
{
    int err = check(a);

    if (err) return err;
    if (is_abstract(a)) return find_named(a, type, out);
    err = find_path(a, env, out);
    if (!err && (*out)->type != type) {
        socket_put(*out);
        err = -EPROTOTYPE;
    }
    return err;
}

/*
 * Telling.
 */
static void tell(struct socket *s, struct socket_address *out)
{
    *out = (struct socket_address){.un.family = AF_UNIX, .len = FAMILY_LEN};
    socket_lock(s);
    if (s->address) *out = s->address->name;
    socket_unlock(s);
}

int socket_name(struct file *f, struct socket_address *out)
{
    struct socket *s;
    int err = socket_find(f, &s);

    if (!err) tell(s, out);
    return err;
}

int socket_peer_name(struct file *f, struct socket_address *out)
{
    struct socket *s;
    int err = socket_find(f, &s);

    if (err) return err;
    struct socket *peer = socket_get_peer(s);
    if (!peer) return -ENOTCONN;
    tell(peer, out);
    socket_put(peer);
    return 0;
}
