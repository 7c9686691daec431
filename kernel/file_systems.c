/* See file_systems.h. An overlay's lower half is a whole file system, so only the boot makes them. */
#include "file_systems.h"

#include "fs/devfs/devfs.h"
#include "fs/tmpfs/options.h"
#include "fs/types.h"
#include "init.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "procfs/procfs.h"
#include "tty/pty.h"

static int made(struct file_system *fs, struct file_system **out)
{
    *out = fs;
    return fs ? 0 : -ENOMEM;
}

static int create_tmpfs(const char *source, const char *words, struct file_system **out)
{
    uint64_t all = page_free_count();
    struct tmpfs_options options = {.mode = 01777, .npages = all / 2};

    (void)source;
    int err = tmpfs_options_parse(words, all, &options);
    return err ? err : made(tmpfs_create(&options), out);
}

/* Options of these are for others: whom a process is shown to, what permissions a terminal gets. */
static int create_proc(const char *source, const char *words, struct file_system **out)
{
    (void)source;
    (void)words;
    return made(procfs_create(&machine), out);
}

static int create_devtmpfs(const char *source, const char *words,
                           struct file_system **out)
{
    (void)source;
    (void)words;
    return made(devfs_create(), out);
}

static int create_devpts(const char *source, const char *words, struct file_system **out)
{
    (void)source;
    (void)words;
    return made(devpts_create(), out);
}

void file_systems_register(void)
{
    static struct file_system_type types[] = {
        {.name = "tmpfs", .create = create_tmpfs},
        {.name = "ramfs", .create = create_tmpfs},
        {.name = "proc", .create = create_proc},
        {.name = "devtmpfs", .create = create_devtmpfs},
        {.name = "devpts", .create = create_devpts},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        file_system_type_register(&types[i]);
    }
}
