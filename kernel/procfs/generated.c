/*
 * See generated.h.
 *
 * The lock of an open file keeps its text while pieces are copied out: two threads may read with one
 * descriptor at positions of their own.
 */
#include "procfs/generated.h"

#include "lib/errno.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"

enum { LINE_MOST = 4096 };

struct generated {
    const struct generated_ops *ops;
    struct mutex lock; /* what follows */
    struct text text;
    bool made;
};

/* The lock is held. */
static int make(struct file *f, struct generated *g)
{
    g->made = false;
    text_free(&g->text);
    int err = g->ops->show(f, &g->text);
    if (!err) err = g->text.err;
    g->made = !err;
    return err;
}

static long read_locked(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct generated *g = f->data;
    int err = *pos == 0 || !g->made ? make(f, g) : 0;

    if (err) return err;
    if (*pos >= g->text.len) return 0;
    long n = transfer_out(t, g->text.bytes + *pos, g->text.len - *pos);
    if (n > 0) *pos += (uint64_t)n;
    return n;
}

static long generated_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct generated *g = f->data;

    if (!g->ops->show) return -EINVAL;
    mutex_lock(&g->lock);
    long n = read_locked(f, t, pos);
    mutex_unlock(&g->lock);
    return n;
}

static long take_line(struct transfer *t, char *line)
{
    long n = transfer_in(t, line, t->left);

    if (n < 0) return n;
    line[n] = 0;
    if (n > 0 && line[n - 1] == '\n') line[n - 1] = 0;
    return n;
}

static long generated_write(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct generated *g = f->data;

    if (!g->ops->store || t->left >= LINE_MOST) return -EINVAL;
    char *line = kmalloc(LINE_MOST);
    if (!line) return -ENOMEM;
    long n = take_line(t, line);
    int err = n > 0 ? g->ops->store(f, line) : 0;
    kfree(line);
    if (err) return err;
    if (n > 0) *pos += (uint64_t)n;
    return n;
}

static long generated_seek(struct file *f, int64_t offset, int whence)
{
    if (whence == SEEK_END) return -EINVAL;
    return file_seek_sized(f, offset, whence, 0);
}

static void generated_release(struct file *f)
{
    struct generated *g = f->data;

    text_free(&g->text);
    kfree(g);
}

static const struct file_ops generated_file_ops = {
    .read = generated_read,
    .write = generated_write,
    .positioned = true,
    .seek = generated_seek,
    .release = generated_release,
};

int generated_open(struct file *f, const struct generated_ops *ops)
{
    struct generated *g = kzalloc(sizeof(*g));

    if (!g) return -ENOMEM;
    g->ops = ops;
    mutex_init(&g->lock);
    text_init(&g->text);
    f->ops = &generated_file_ops;
    f->data = g;
    return 0;
}
