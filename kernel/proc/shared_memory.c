/* See shared_memory.h. */
#include "proc/shared_memory.h"

#include "fs/cred.h"
#include "fs/inode.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "mm/object.h"
#include "uapi/stat.h"

static struct file_system *memory; /* set once */

int shared_memory_init(void)
{
    static const struct tmpfs_options options = {.mode = 0700};

    memory = tmpfs_create(&options);
    return memory ? 0 : -ENOMEM;
}

int shared_memory_make(uint64_t size, uint32_t mode, const struct cred *who,
                       struct inode **out)
{
    int err = tmpfs_make_nameless(memory, S_IFREG | mode, who, out);

    if (err) return err;
    mutex_lock(&(*out)->lock);
    err = (*out)->ops->resize(*out, size);
    mutex_unlock(&(*out)->lock);
    if (err) inode_put(*out);
    return err;
}

int shared_memory_create(uint64_t npages, struct object **out)
{
    struct inode *i;
    int err = shared_memory_make(npages << PAGE_SHIFT, 0600, &root_cred, &i);

    if (err) return err == -EFBIG ? -ENOMEM : err;
    *out = i->pages;
    object_get(*out);
    inode_put(i); /* it goes with its pages */
    return 0;
}
