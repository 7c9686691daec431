/* See user_path.h. */
#include "syscall/user_path.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "uapi/fcntl.h"

static int get_long(struct user_path *p, vaddr_t at)
{
    p->memory = kmalloc(PATH_LIMIT);
    if (!p->memory) return -ENOMEM;
    long len = strncpy_from_user(p->memory, at, PATH_LIMIT);
    if (len < 0) {
        kfree(p->memory);
        return (int)len;
    }
    p->text = p->memory;
    return 0;
}

int user_path_get_any(struct user_path *p, vaddr_t at)
{
    long len = strncpy_from_user(p->near, at, sizeof(p->near));

    p->memory = NULL;
    p->text = p->near;
    if (len == -ENAMETOOLONG) return get_long(p, at);
    return len < 0 ? (int)len : 0;
}

int user_path_get(struct user_path *p, vaddr_t at)
{
    int err = user_path_get_any(p, at);

    return !err && *p->text == 0 ? -ENOENT : err;
}

static int begin_walk(struct at *a, uint64_t dirfd)
{
    int err = fs_env_begin(&a->env, (int)dirfd, a->path.text);

    if (err) user_path_put(&a->path);
    return err;
}

int at_begin(struct at *a, uint64_t dirfd, vaddr_t path)
{
    int err = user_path_get(&a->path, path);

    return err ? err : begin_walk(a, dirfd);
}

int at_begin_any(struct at *a, uint64_t dirfd, vaddr_t path)
{
    int err = user_path_get_any(&a->path, path);

    return err ? err : begin_walk(a, dirfd);
}

/* Nothing but the descriptor: newfstatat(fd, NULL, ...). */
static int begin_nowhere(struct at *a, uint64_t dirfd)
{
    a->path.text = "";
    a->path.memory = NULL;
    return begin_walk(a, dirfd);
}

int at_find(uint64_t dirfd, vaddr_t path, unsigned flags, struct path *out)
{
    struct at a;
    int err;

    if (!(flags & WALK_EMPTY)) {
        err = at_begin(&a, dirfd, path);
    } else {
        err = path.raw ? at_begin_any(&a, dirfd, path) : begin_nowhere(&a, dirfd);
    }
    if (err) return err;
    err = path_walk(&a.env, a.path.text, flags, out);
    at_end(&a);
    return err;
}

unsigned at_walk_flags(uint64_t at_flags)
{
    unsigned flags = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;

    return at_flags & AT_EMPTY_PATH ? flags | WALK_EMPTY : flags;
}
