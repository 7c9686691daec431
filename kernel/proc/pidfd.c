/* See pidfd.h. */
#include "proc/pidfd.h"

#include "lib/errno.h"
#include "proc/internal.h"
#include "uapi/fcntl.h"

static uint32_t pidfd_poll(struct file *f, struct poll_table *table)
{
    struct process *p = f->data;

    poll_wait(table, &p->waiters);
    return process_is_over(p) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f) { process_put(f->data); }

static const struct file_ops pidfd_ops = {.poll = pidfd_poll, .release = pidfd_release};

int pidfd_create(struct process *p, unsigned flags, struct file **out)
{
    int err =
        file_make_anonymous("anon_inode:[pidfd]", &pidfd_ops, O_RDWR | flags, p, out);

    if (!err) process_get(p);
    return err;
}

struct process *pidfd_process(const struct file *f)
{
    return f->ops == &pidfd_ops ? f->data : NULL;
}
