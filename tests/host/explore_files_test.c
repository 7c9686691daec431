/*
 * Names under every interleaving: renames, lookups, removals, mounts; and overlays.
 *
 * What comes out of a run, results and the tree that is left, must be what comes out if the calls
 * take turns; and nothing is lost, and nobody waits for ever. A scene is two or three threads
 * with a call or two each. Walking to a directory and changing it are two steps, here as on Linux:
 * what a directory that has moved in between makes possible is named by the scene (`also`).
 *
 *     EXPLORE_MORE=1 build/host/explore_files_test   one preemption more than usual
 */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/bind.c kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: kernel/fs/overlay/overlay.c kernel/fs/erofs/super.c kernel/fs/erofs/inode.c
// sources: kernel/fs/erofs/dir.c kernel/fs/erofs/vfs.c kernel/fs/erofs/contents.c
// sources: tests/host/fs/rig.c tests/host/fs/image_device.c tests/host/erofs_image.c
// sources: tests/host/fake/reclaim.c
// sources: tests/host/explore/schedule.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie -lpthread
#include "explore/schedule.h"
#include "fs/bind.h"
#include "fs/image_device.h"
#include "fs/overlay/overlay.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 3, OUTCOME = 600, OUTCOMES = 64 };

struct call {
    enum {
        NOTHING,
        MKDIR,
        TOUCH,
        CREATE,
        UNLINK,
        RMDIR,
        RENAME,
        EXCHANGE,
        LINK,
        WALK,
        MOUNT,
        UNMOUNT,
        MOVE_MOUNT,
        STAY, /* at the end of the path */
        NAME,
        WRITE, /* over the first byte, which is an 'o' */
        READ,  /* the first byte */
        CHMOD, /* to 0 */
        MODE,
        FORGET /* names that nobody uses */
    } what;
    const char *path, *to;
};

struct scene {
    const char *name;
    unsigned bound;
    bool deep;  /* "a/b" has a file */
    bool mount; /* and that is in a file system of its own, mounted there */
    bool below; /* all of it is from below an overlay */
    const char *also[2];
    struct call thread[SCHEDULE_THREADS][CALLS];
};

static const struct scene *scene;
static int results[SCHEDULE_THREADS][CALLS];
static char allowed[OUTCOMES][OUTCOME];
static unsigned nallowed;
static bool serial;
static struct path place; /* somebody's working directory: "a/b" */
static struct path stays;

static int do_mount(const char *path)
{
    struct tmpfs_options options = {.mode = 0755};
    struct file_system *fs = tmpfs_create(&options);
    struct path p;

    if (!fs) return -ENOMEM;
    int err = path_walk(&rig_env, path, 0, &p);
    if (!err) {
        err = mount_add(fs, p, 0, "none", "tmpfs");
        path_put(p);
    }
    if (err) file_system_abandon(fs);
    return err;
}

static int do_walk(const char *path)
{
    struct path p;
    int err = path_walk(&rig_env, path, 0, &p);

    if (!err) path_put(p);
    return err;
}

static int do_unmount(const char *path)
{
    struct path p;
    int err = path_walk(&rig_env, path, 0, &p);

    if (err) return err;
    err = mount_remove(p, false);
    path_put(p);
    return err;
}

static int do_move_mount(const char *path, const char *to)
{
    struct path from, at;
    int err = path_walk(&rig_env, path, 0, &from);

    if (err) return err;
    err = path_walk(&rig_env, to, 0, &at);
    if (!err) {
        err = mount_move(from, at);
        path_put(at);
    }
    path_put(from);
    return err;
}

static int do_create(const char *path)
{
    struct file *f;
    int err = rig_open(path, O_CREAT | O_RDWR, &f);

    if (err) return err;
    file_put(f);
    return 0;
}

/* The length of a name says enough of it. */
static int do_name(void)
{
    char buf[64];

    return (int)path_name(place, rig_env.root, buf, sizeof(buf));
}

static int do_write(const char *path)
{
    struct file *f;
    int err = rig_open(path, O_WRONLY, &f);

    if (err) return err;
    int n = (int)rig_file_write(f, "n", 1);
    file_put(f);
    return n;
}

static int do_read(const char *path)
{
    struct file *f;
    char byte = 0;
    int err = rig_open(path, O_RDONLY, &f);

    if (err) return err;
    int n = (int)rig_file_read(f, &byte, 1);
    file_put(f);
    return n < 0 ? n : byte;
}

static int do_chmod(const char *path)
{
    struct path p;
    int err = path_walk(&rig_env, path, 0, &p);

    if (err) return err;
    err = path_chmod(p, 0, &root_cred);
    path_put(p);
    return err;
}

static int do_mode(const char *path)
{
    struct attributes a;
    int err = rig_stat(path, &a);

    return err ? err : (int)(a.mode & 0777);
}

static int perform(const struct call *c)
{
    switch (c->what) {
    case MKDIR:
        return rig_mkdir(c->path);
    case TOUCH:
        return rig_touch(c->path);
    case CREATE:
        return do_create(c->path);
    case UNLINK:
        return rig_unlink(c->path);
    case RMDIR:
        return rig_rmdir(c->path);
    case RENAME:
        return rig_rename(c->path, c->to, 0);
    case EXCHANGE:
        return rig_rename(c->path, c->to, RENAME_EXCHANGE);
    case LINK:
        return rig_link(c->path, c->to);
    case WALK:
        return do_walk(c->path);
    case MOUNT:
        return do_mount(c->path);
    case UNMOUNT:
        return do_unmount(c->path);
    case MOVE_MOUNT:
        return do_move_mount(c->path, c->to);
    case STAY:
        return path_walk(&rig_env, c->path, 0, &stays);
    case NAME:
        return do_name();
    case WRITE:
        return do_write(c->path);
    case READ:
        return do_read(c->path);
    case CHMOD:
        return do_chmod(c->path);
    case MODE:
        return do_mode(c->path);
    case FORGET:
        dentry_drain();
        break;
    case NOTHING:
        break;
    }
    return 0;
}

static void two_trees(void)
{
    rig_mkdir("a");
    rig_mkdir("a/b");
    rig_mkdir("x");
    rig_touch("a/f");
    rig_touch("x/g");
}

/* The same two trees as an image. Files have one byte. */
static struct image image;

static uint64_t add_file(void)
{
    struct make_inode file = {.mode = S_IFREG | 0644,
                              .size = 1,
                              .layout = MAKE_INLINE,
                              .behind = "o",
                              .behind_len = 1};

    return image_add_inode(&image, &file);
}

/* A directory of up to two names, sorted. */
static uint64_t add_directory(const struct make_entry *names, unsigned count)
{
    struct make_entry entries[4] = {{0, 2, "."}, {0, 2, ".."}};
    struct make_inode dir = {.mode = S_IFDIR | 0755, .nlink = 2};
    uint8_t block[4096];

    for (unsigned i = 0; i < count; i++) {
        entries[2 + i] = names[i];
        if (names[i].kind == 2) dir.nlink++;
    }
    dir.size = image_make_dir(block, entries, 2 + count);
    dir.where = image_add_blocks(&image, block, dir.size);
    return image_add_inode(&image, &dir);
}

static void make_image(void)
{
    if (image.bytes) return;
    image_begin(&image, 12, 16 * PAGE_SIZE, 2);
    uint64_t b = add_directory(NULL, 0), f = add_file(), g = add_file();
    uint64_t a = add_directory((struct make_entry[]){{b, 2, "b"}, {f, 1, "f"}}, 2);
    uint64_t x = add_directory((struct make_entry[]){{g, 1, "g"}}, 1);
    image_seal(&image, add_directory((struct make_entry[]){{a, 2, "a"}, {x, 2, "x"}}, 2));
}

static struct file_system *make_overlay(void)
{
    struct tmpfs_options options = {0};
    struct file_system *lower;

    assert(image_device_create(&image, &lower) == 0);
    return overlay_create(lower, &options);
}

static void begin(void)
{
    if (scene->below) {
        make_image();
        rig_begin_on(make_overlay);
    } else {
        rig_begin();
        two_trees();
    }
    stays = (struct path){NULL, NULL};
    if (scene->mount) assert(do_mount("a/b") == 0);
    if (scene->deep) rig_touch("a/b/n");
    if (scene->mount) {
        place = (struct path){NULL, NULL};
        return;
    }
    if (path_walk(&rig_env, "a/b", 0, &place)) place = (struct path){NULL, NULL};
}

static void thread(unsigned number)
{
    for (unsigned i = 0; i < CALLS && scene->thread[number][i].what; i++) {
        schedule_operation("call");
        results[number][i] = perform(&scene->thread[number][i]);
    }
}

static void list_into(char *out, const char *path)
{
    const char *names = rig_list(path);

    strcat(out, " ");
    strcat(out, path);
    strcat(out, ":");
    strcat(out, names ? names : "none");
}

static void end(void)
{
    char outcome[OUTCOME] = "";
    static const char *const places[] = {"/", "a", "x", "a/b", "x/b", "x/y", "a/b/x"};

    for (unsigned t = 0; t < SCHEDULE_THREADS; t++) {
        for (unsigned i = 0; i < CALLS && scene->thread[t][i].what; i++) {
            sprintf(outcome + strlen(outcome), "%d ", results[t][i]);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        list_into(outcome, places[i]);
    }
    if (place.dentry) path_put(place);
    path_put(stays);
    if (!rig_end()) schedule_fail("something is lost");
    for (unsigned i = 0; i < nallowed; i++) {
        if (strcmp(allowed[i], outcome) == 0) return;
    }
    for (unsigned i = 0; i < 2 && !serial && scene->also[i]; i++) {
        if (strcmp(outcome, scene->also[i]) == 0) return;
    }
    if (!serial) schedule_fail("nobody taking turns sees this: %s", outcome);
    if (nallowed == OUTCOMES) schedule_fail("too many outcomes");
    strcpy(allowed[nallowed++], outcome);
}

static void explore(void)
{
    unsigned threads = scene->thread[2][0].what ? 3 : 2;
    const struct model m = {threads, begin, thread, end};
    unsigned bound = scene->bound + (getenv("EXPLORE_MORE") ? 1 : 0);

    nallowed = 0;
    serial = true;
    schedule_serial(&m);
    serial = false;
    schedule_explore(&m, bound);
}

#define SCENE(scene_name, ...)                                              \
    static const struct scene scene_of_##scene_name = {.name = #scene_name, \
                                                       __VA_ARGS__};        \
    TEST(scene_name)                                                        \
    {                                                                       \
        scene = &scene_of_##scene_name;                                     \
        EXPECT(schedule_in_child(explore));                                 \
    }

SCENE(a_name_that_is_replaced_is_always_there, .bound = 2,
      .thread = {{{RENAME, "a/f", "x/g"}}, {{WALK, "x/g", NULL}, {WALK, "a/f", NULL}}})

SCENE(a_file_that_moves_is_in_one_place, .bound = 2,
      .thread = {{{RENAME, "a/f", "x/f"}, {RENAME, "x/f", "a/f"}}, {{WALK, "a/f", NULL}}})

SCENE(directories_that_move_into_each_other_tie_no_knot, .bound = 2,
      .also = {"0 -22  /:x a:none x:a g a/b:none x/b:none x/y:none a/b/x:none",
               "-22 0  /:a a:b f x:none a/b:x x/b:none x/y:none a/b/x:g"},
      .thread = {{{RENAME, "a", "x/a"}}, {{RENAME, "x", "a/b/x"}}})

SCENE(renames_across_go_both_ways_at_once, .bound = 2,
      .thread = {{{RENAME, "a/f", "x/f"}}, {{RENAME, "x/g", "a/g"}}})

SCENE(an_exchange_of_directories_is_seen_whole, .bound = 2,
      .thread = {{{EXCHANGE, "a/b", "x/g"}},
                 {{WALK, "x/g/..", NULL}, {WALK, "a/b/..", NULL}}})

SCENE(a_file_is_created_once_and_removed_once, .bound = 2,
      .thread = {{{CREATE, "a/n", NULL}}, {{CREATE, "a/n", NULL}, {UNLINK, "a/n", NULL}}})

SCENE(an_open_meets_an_unlink, .bound = 2,
      .thread = {
          {{CREATE, "a/f", NULL}}, {{UNLINK, "a/f", NULL}}, {{LINK, "a/f", "x/l"}}})

SCENE(a_directory_is_removed_or_gets_a_name, .bound = 2,
      .thread = {{{RMDIR, "a/b", NULL}}, {{TOUCH, "a/b/n", NULL}, {WALK, "a/b/n", NULL}}})

SCENE(a_directory_is_removed_or_mounted_on, .bound = 2,
      .thread = {{{RMDIR, "a/b", NULL}}, {{MOUNT, "a/b", NULL}}})

SCENE(a_directory_is_moved_or_mounted_on, .bound = 2,
      .also = {"0 0  /:a x a:f x:b g a/b:none x/b: x/y:none a/b/x:none"},
      .thread = {{{RENAME, "a/b", "x/b"}}, {{MOUNT, "a/b", NULL}}})

SCENE(what_is_unmounted_has_nobody_inside, .bound = 2, .deep = true, .mount = true,
      .thread = {{{UNMOUNT, "a/b", NULL}}, {{STAY, "a/b/n", NULL}}})

SCENE(a_mount_that_moves_is_in_one_place, .bound = 2, .deep = true, .mount = true,
      .thread = {{{MOVE_MOUNT, "a/b", "x"}},
                 {{WALK, "x/n", NULL}, {WALK, "a/b/n", NULL}}})

SCENE(a_working_directory_has_a_name_at_each_moment, .bound = 2,
      .thread = {{{RENAME, "a", "x/long"}, {RENAME, "x/long/b", "bb"}},
                 {{NAME, NULL, NULL}, {NAME, NULL, NULL}}})

SCENE(a_file_moves_down_into_a_directory_that_is_removed, .bound = 2,
      .thread = {{{RENAME, "a/f", "a/b/n"}}, {{RMDIR, "a/b", NULL}}})

SCENE(a_file_moves_up_out_of_a_directory_that_is_removed, .bound = 2, .deep = true,
      .thread = {{{RENAME, "a/b/n", "a/n"}}, {{RMDIR, "a/b", NULL}}})

SCENE(the_replaced_directory_takes_no_names, .bound = 2,
      .also = {"0 -2  /:a a:b f x:none a/b:g x/b:none x/y:none a/b/x:none"},
      .thread = {{{RENAME, "x", "a/b"}}, {{TOUCH, "a/b/n", NULL}}})

SCENE(renames_meet_removals_on_both_sides, .bound = 1,
      .thread = {{{RENAME, "a/b", "x/b"}},
                 {{RMDIR, "a/b", NULL}, {RMDIR, "x/b", NULL}},
                 {{RENAME, "x/g", "a/b/g"}}})

/*
 * On an overlay.
 */

SCENE(a_name_from_below_that_is_replaced_is_always_there, .bound = 2, .below = true,
      .thread = {{{RENAME, "a/f", "x/g"}}, {{WALK, "x/g", NULL}, {WALK, "a/f", NULL}}})

SCENE(a_name_from_below_that_has_gone_stays_away, .bound = 2, .below = true,
      .thread = {{{UNLINK, "a/f", NULL}}, {{WALK, "a/f", NULL}, {WALK, "a/f", NULL}}})

SCENE(a_name_from_below_is_removed_once_and_made_once, .bound = 2, .below = true,
      .thread = {{{UNLINK, "a/f", NULL}, {TOUCH, "a/f", NULL}}, {{UNLINK, "a/f", NULL}}})

SCENE(a_file_from_below_is_written_while_it_is_read, .bound = 2, .below = true,
      .thread = {{{WRITE, "a/f", NULL}}, {{READ, "a/f", NULL}, {READ, "a/f", NULL}}})

SCENE(what_was_written_is_not_forgotten, .bound = 2, .below = true,
      .thread = {{{WRITE, "a/f", NULL}, {READ, "a/f", NULL}}, {{FORGET, NULL, NULL}}})

SCENE(what_was_changed_is_not_forgotten, .bound = 2, .below = true,
      .thread = {{{CHMOD, "a/f", NULL}, {MODE, "a/f", NULL}},
                 {{FORGET, NULL, NULL}, {MODE, "a/f", NULL}}})

SCENE(a_directory_from_below_is_removed_or_gets_a_name, .bound = 2, .below = true,
      .thread = {{{RMDIR, "a/b", NULL}}, {{TOUCH, "a/b/n", NULL}, {WALK, "a/b/n", NULL}}})

SCENE(a_directory_from_below_moves_while_it_is_looked_into, .bound = 2, .below = true,
      .thread = {{{RENAME, "a", "x/y"}}, {{WALK, "a/f", NULL}, {WALK, "x/y/f", NULL}}})
