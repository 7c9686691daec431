/* See seals.h. */
#include "fs/seals.h"

#include "fs/file.h"
#include "lib/errno.h"
#include "mm/object.h"
#include "mm/rmap.h"
#include "uapi/fcntl.h"

static bool takes_seals(const struct inode *i) { return i->flags & INODE_SEALABLE; }

static int add(struct inode *i, uint32_t seals)
{
    if (i->seals & F_SEAL_SEAL) return -EPERM;
    if (seals & ~i->seals & F_SEAL_WRITE && rmap_may_be_stored_to(i->pages))
        return -EBUSY;
    inode_write(&i->seals, i->seals | seals);
    return 0;
}

int file_add_seals(struct file *f, uint32_t seals)
{
    struct inode *i = f->inode;

    if (!file_may_write(f)) return -EPERM;
    if (seals & ~F_SEAL_KNOWN || !takes_seals(i)) return -EINVAL;
    mutex_lock(&i->lock);
    int err = add(i, seals);
    mutex_unlock(&i->lock);
    return err;
}

long file_get_seals(struct file *f)
{
    return takes_seals(f->inode) ? (long)inode_read(&f->inode->seals) : -EINVAL;
}

int seals_permit_size(const struct inode *i, uint64_t size)
{
    if (size < i->size && i->seals & F_SEAL_SHRINK) return -EPERM;
    return size > i->size && i->seals & F_SEAL_GROW ? -EPERM : 0;
}

int seals_permit_write(const struct inode *i, uint64_t end)
{
    if (likely(!i->seals)) return 0;
    if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return -EPERM;
    return i->seals & F_SEAL_GROW && end > i->size ? -EPERM : 0;
}

bool seals_permit_stores(const struct inode *i)
{
    return !(inode_read(&i->seals) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}
