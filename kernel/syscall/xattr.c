/*
 * Extended attributes: no file system has any. Calls look at what they are given, and then say so,
 * as Linux does where a file system has no support: -EOPNOTSUPP, and an empty list.
 */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"

enum { XATTR_NAME_MOST = 255, XATTR_SIZE_MOST = 65536 };
#define XATTR_CREATE  1u
#define XATTR_REPLACE 2u

static int check_name(vaddr_t at)
{
    char name[XATTR_NAME_MOST + 1];
    long len = strncpy_from_user(name, at, sizeof(name));

    if (len == -ENAMETOOLONG || len == 0) return -ERANGE;
    return len < 0 ? (int)len : 0;
}

static int check_new(vaddr_t name, uint64_t size, uint64_t flags)
{
    if ((uint32_t)flags & ~(XATTR_CREATE | XATTR_REPLACE)) return -EINVAL;
    int err = check_name(name);
    return !err && size > XATTR_SIZE_MOST ? -E2BIG : err;
}

/* Is there such a file? */
static int check_path(vaddr_t path, unsigned flags)
{
    struct path found;
    int err = at_find((uint64_t)AT_FDCWD, path, flags, &found);

    if (!err) path_put(found);
    return err;
}

static int check_fd(uint64_t fd)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (!err) fd_end(use);
    return err;
}

static int unsupported(int err) { return err ? err : -EOPNOTSUPP; }

static long set(vaddr_t path, unsigned walk, vaddr_t name, uint64_t size, uint64_t flags)
{
    int err = check_new(name, size, flags);

    return unsupported(err ? err : check_path(path, walk));
}

static long get(vaddr_t path, unsigned walk, vaddr_t name)
{
    int err = check_path(path, walk);

    return unsupported(err ? err : check_name(name));
}

static long take(vaddr_t path, unsigned walk, vaddr_t name)
{
    int err = check_name(name);

    return unsupported(err ? err : check_path(path, walk));
}

long sys_setxattr(vaddr_t path, vaddr_t name, vaddr_t value, uint64_t size,
                  uint64_t flags)
{
    (void)value;
    return set(path, WALK_FOLLOW, name, size, flags);
}

long sys_getxattr(vaddr_t path, vaddr_t name, vaddr_t value, uint64_t size)
{
    (void)value;
    (void)size;
    return get(path, WALK_FOLLOW, name);
}

long sys_listxattr(vaddr_t path, vaddr_t list, uint64_t size)
{
    (void)list;
    (void)size;
    return check_path(path, WALK_FOLLOW);
}

long sys_removexattr(vaddr_t path, vaddr_t name) { return take(path, WALK_FOLLOW, name); }

long sys_lsetxattr(vaddr_t path, vaddr_t name, vaddr_t value, uint64_t size,
                   uint64_t flags)
{
    (void)value;
    return set(path, 0, name, size, flags);
}

long sys_lgetxattr(vaddr_t path, vaddr_t name, vaddr_t value, uint64_t size)
{
    (void)value;
    (void)size;
    return get(path, 0, name);
}

long sys_llistxattr(vaddr_t path, vaddr_t list, uint64_t size)
{
    (void)list;
    (void)size;
    return check_path(path, 0);
}

long sys_lremovexattr(vaddr_t path, vaddr_t name) { return take(path, 0, name); }

long sys_fsetxattr(uint64_t fd, vaddr_t name, vaddr_t value, uint64_t size,
                   uint64_t flags)
{
    int err = check_new(name, size, flags);

    (void)value;
    return unsupported(err ? err : check_fd(fd));
}

long sys_fgetxattr(uint64_t fd, vaddr_t name, vaddr_t value, uint64_t size)
{
    int err = check_fd(fd);

    (void)value;
    (void)size;
    return unsupported(err ? err : check_name(name));
}

long sys_flistxattr(uint64_t fd, vaddr_t list, uint64_t size)
{
    (void)list;
    (void)size;
    return check_fd(fd);
}

long sys_fremovexattr(uint64_t fd, vaddr_t name)
{
    int err = check_name(name);

    return unsupported(err ? err : check_fd(fd));
}
