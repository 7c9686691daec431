/*
 * Names under every interleaving: renames, lookups, removals, mounts.
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
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fs/rig.c
// sources: tests/host/explore/schedule.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie -lpthread
#include "explore/schedule.h"
#include "fs/rig.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "uapi/fcntl.h"

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
        NAME
    } what;
    const char *path, *to;
};

struct scene {
    const char *name;
    unsigned bound;
    bool deep; /* "a/b" has a file */
    const char *also[2];
    struct call thread[SCHEDULE_THREADS][CALLS];
};

static const struct scene *scene;
static int results[SCHEDULE_THREADS][CALLS];
static char allowed[OUTCOMES][OUTCOME];
static unsigned nallowed;
static bool serial;
static struct path place; /* somebody's working directory: "a/b" */

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
    case NAME:
        return do_name();
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

static void begin(void)
{
    rig_begin();
    two_trees();
    if (scene->deep) rig_touch("a/b/n");
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
