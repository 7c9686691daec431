/*
 * memfd_create(2): memory with a descriptor, which may be sealed (fs/seals.h).
 */
#include "uapi/memfd.h"
#include "fs/cred.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/shared_memory.h"
#include "proc/task.h"
#include "syscall/linux.h"

/* With its NUL; "memfd:" stands before it. */
enum { MEMFD_NAME = NAME_LIMIT + 1 - 6 };

static int make_inode(unsigned flags, struct inode **out)
{
    uint32_t mode = flags & MFD_NOEXEC_SEAL ? 0666 : 0777;
    int err = shared_memory_make(0, mode, current_cred(), out);

    if (err) return err;
    if (flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL)) (*out)->seals = 0;
    if (flags & MFD_NOEXEC_SEAL) (*out)->seals |= F_SEAL_EXEC;
    return 0;
}

static int make_file(const char *name, unsigned flags, struct file **out)
{
    char shown[NAME_LIMIT + 1];
    struct inode *i;
    int err = make_inode(flags, &i);

    if (err) return err;
    printf_buf(shown, sizeof(shown), "/memfd:%s (deleted)", name);
    err = file_make_shown(i, shown, &pagecache_file_ops, O_RDWR | O_LARGEFILE, NULL, out);
    inode_put(i);
    return err;
}

long sys_memfd_create(vaddr_t name_at, uint64_t flags)
{
    char name[MEMFD_NAME];
    struct file *f;

    if ((uint32_t)flags & ~MFD_KNOWN) return -EINVAL;
    if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL)) {
        return -EINVAL;
    }
    long len = strncpy_from_user(name, name_at, sizeof(name));
    if (len < 0) return len == -ENAMETOOLONG ? -EINVAL : len;
    int err = make_file(name, (unsigned)flags, &f);
    return err ? err : fd_give(f, flags & MFD_CLOEXEC ? FD_CLOSE_ON_EXEC : 0);
}
