/* See writing.h. */
#include "syscall/writing.h"

#include "lib/errno.h"
#include "proc/process.h"
#include "proc/signal.h"
#include "uapi/fcntl.h"

static int too_big(void)
{
    signal_self(SIGXFSZ);
    return -EFBIG;
}

int size_within_limit(const struct inode *i, uint64_t size)
{
    bool grows = inode_is(i, INODE_REGULAR) && size > inode_read_size(i);

    return grows && size > process_limit(current_process(), RLIMIT_FSIZE) ? too_big() : 0;
}

static uint64_t write_begins(struct file *f, const int64_t *at)
{
    if (file_flags(f) & O_APPEND) return inode_read_size(f->inode);
    return at ? (uint64_t)*at : __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
}

/* The transfer ends at the limit. What others write meanwhile may move the place. */
static int keep_within_limit(struct file *f, struct transfer *t, const int64_t *at)
{
    uint64_t limit = process_limit(current_process(), RLIMIT_FSIZE);

    if (likely(limit == RLIM_INFINITY) || !inode_is(f->inode, INODE_REGULAR)) return 0;
    uint64_t pos = write_begins(f, at);
    if (t->left == 0 || (at && *at < 0)) return 0;
    if (pos >= limit) return too_big();
    if (t->left > limit - pos) t->left = limit - pos;
    return 0;
}

long write_refused(void)
{
    signal_self(SIGPIPE);
    return -EPIPE;
}

long write_for_program(struct file *f, struct transfer *t, const int64_t *at)
{
    int err = keep_within_limit(f, t, at);

    if (err) return err;
    long n = at ? file_write_at(f, t, *at) : file_write(f, t);
    return likely(n != -EPIPE) ? n : write_refused();
}
