/*
 * Archives of all kinds of entries, unpacked: whatever comes out, nothing is lost and nobody
 * waits. Bytes are instructions for an archive, since chance alone finds no header; cpio_fuzz.c
 * is about headers.
 */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: kernel/fs/initramfs.c kernel/lib/cpio.c
// libs: -lpthread
#include "fs/initramfs.h"

#include "fake/machine.h"
#include "fs/cred.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 18, STEP = 5, MOST = 200 };

static char made[ROOM];

/* One entry for five bytes: name, kind, number, size, and a byte that is damaged. */
static size_t put(size_t at, const uint8_t step[STEP])
{
    static const char *const names[] = {"a", "b",   "a/b", "a/b/c",     "a/..",   "../b",
                                        ".", "/",   "b/a", "a/",        "//a//b", "..",
                                        "c", "c/d", "c/l", "TRAILER!!!"};
    static const unsigned kinds[] = {S_IFREG, S_IFREG, S_IFDIR, S_IFDIR,
                                     S_IFLNK, S_IFCHR, S_IFIFO, 0170000};
    static const char *const texts[] = {"a", "../c",      "/", "/a/b",
                                        "c", "x/../../a", "l", ""};
    const char *name = names[step[0] % 16];
    unsigned mode = kinds[step[1] % 8] | (step[1] * 32u & 07777);
    bool link = (mode & S_IFMT) == S_IFLNK;
    const char *text = texts[step[3] % 8];
    size_t len = link ? strlen(text) : step[3] * 40u;

    at += (size_t)sprintf(made + at, "070701%08x%08x%08x%08x%08x%08x%08zx%032x%08zx%08x",
                          step[2] % 8, mode, step[2], step[2], step[2] % 3, step[2], len,
                          0, strlen(name) + 1, 0);
    strcpy(made + at, name);
    at = (at + strlen(name) + 1 + 3) & ~3ul;
    if (link) memcpy(made + at, text, len);
    if (!link) memset(made + at, step[3], len);
    if (step[4] == 1) made[at - step[0]] ^= (char)step[3];
    return (at + len + 3) & ~3ul;
}

static uint64_t frames, bytes;

static void begin(void)
{
    static bool started;

    fake_machine();
    if (!started && slab_init()) abort();
    started = true;
    slab_drain();
    page_drain();
    frames = page_free_count();
    bytes = slab_bytes_in_use();
}

static void end(void)
{
    if (slab_bytes_in_use() != bytes) abort();
    slab_drain();
    page_drain();
    if (page_free_count() != frames) abort();
}

/* Limited in frames and files, and now and then in memory. */
static void unpack(size_t size, uint8_t limit)
{
    struct tmpfs_options options = {limit & 15, limit >> 4, 0755};
    struct initramfs_result result;

    begin();
    struct file_system *fs = tmpfs_create(&options);
    if (!fs || mount_root(fs, 0, "none", "tmpfs")) abort();
    struct path root = {root_mount, root_mount->root};
    if (limit % 5 == 0) page_fail_after(limit);
    int err = initramfs_unpack(root, made, size, &result);
    page_fail_never();
    if (err > 0 || (err == 0 && result.name[0])) abort();
    mount_remove_all();
    end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 512; /* damage may lie before an entry */
    uint8_t limit = size ? data[0] : 0;

    memset(made, 0, sizeof(made));
    for (unsigned i = 0; i < MOST && 1 + (i + 1) * STEP <= size && at + (1 << 15) < ROOM;
         i++) {
        at = put(at, data + 1 + i * STEP);
    }
    memmove(made, made + 512, at - 512);
    unpack(at - 512, limit);
    return 0;
}
