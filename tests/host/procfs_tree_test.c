/*
 * The tree of /proc and its generated files, with processes that are made up: their names are
 * numbers, they come and go, and what there is to say about them is said in the test.
 */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: kernel/procfs/generated.c kernel/procfs/node.c kernel/procfs/text.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fs/rig.c
// libs: -lpthread
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "procfs/node.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>

/* The processes: number i is there if it was born. */
enum { PROCESSES = 200 };
struct process {
    uint64_t born;
    uint32_t uid;
    int files; /* descriptors [0, files) */
    bool hidden;
};
static struct process processes[PROCESSES];
static unsigned held;
static const struct cred *asker;

struct process *subject_find(int pid, uint64_t born, struct proc_owner *out)
{
    if (pid >= PROCESSES || !processes[pid].born) return NULL;
    if (born && processes[pid].born != born) return NULL;
    *out = (struct proc_owner){processes[pid].born, processes[pid].uid,
                               processes[pid].uid, processes[pid].hidden};
    held++;
    return &processes[pid];
}

void subject_put(struct process *p)
{
    (void)p;
    held--;
}

const struct cred *subject_asker(void) { return asker; }

bool subject_may_look(struct process *p, const struct cred *who)
{
    return !who || who->uid == 0 || who->uid == p->uid;
}

static int number_of(const struct process *p) { return (int)(p - processes); }

static char stored[64];
static unsigned shown;

static int show_name(const struct subject *s, struct text *t)
{
    shown++;
    text_printf(t, "process %d task %d\n", number_of(s->process), s->tid);
    return 0;
}

static int show_count(const struct subject *s, struct text *t)
{
    EXPECT(!s->process);
    shown++;
    for (unsigned i = 0; i < 3000; i++) {
        text_printf(t, "%u line %u\n", shown, i);
    }
    return 0;
}

static int show_stored(const struct subject *s, struct text *t)
{
    (void)s;
    text_printf(t, "%s\n", stored);
    return 0;
}

static int store(const struct subject *s, char *line)
{
    (void)s;
    if (strcmp(line, "bad") == 0) return -EINVAL;
    snprintf(stored, sizeof(stored), "%s", line);
    return 0;
}

static int refuse(const struct subject *s, struct text *t)
{
    (void)s, (void)t;
    return -EIO;
}

static long self(const struct subject *s, char *buf, size_t size)
{
    (void)s;
    return snprintf(buf, size, "7");
}

static long root_text(const struct subject *s, char *buf, size_t size)
{
    (void)s;
    return snprintf(buf, size, "/");
}

static int to_root(const struct subject *s, struct path *out)
{
    (void)s;
    *out = rig_env.root;
    path_get(*out);
    return 0;
}

static long fd_text(const struct subject *s, char *buf, size_t size)
{
    return snprintf(buf, size, "file:[%d]", s->fd);
}

static unsigned list_fds(const struct subject *s, int from, int *out)
{
    unsigned n = 0;

    for (; from < s->process->files && n < NUMBERS_AT_ONCE; from++) {
        out[n++] = from;
    }
    return n;
}

static bool has_fd(const struct subject *s, int number, uint32_t *mode)
{
    *mode = number % 2 ? 0500 : 0300;
    return number < s->process->files;
}

static const struct proc_entry fd_link = {
    .mode = S_IFLNK | 0777, .target = fd_text, .follow = to_root, .guarded = true};

static const struct proc_directory fds = {
    .number = NUMBER_FD, .numbered = &fd_link, .list = list_fds, .has = has_fd};

static const struct proc_entry process_entries[] = {
    {"name", S_IFREG | 0444, .show = show_name},
    {"secret", S_IFREG | 0444, .show = show_name, .guarded = true},
    {"fd", S_IFDIR | 0500, .directory = &fds},
    {"root", S_IFLNK | 0777, .target = root_text, .follow = to_root, .guarded = true},
    {0},
};
static const struct proc_directory process_directory = {.entries = process_entries};
static const struct proc_entry process_entry = {.mode = S_IFDIR | 0555,
                                                .directory = &process_directory};

static unsigned list_processes(const struct subject *s, int from, int *out)
{
    unsigned n = 0;

    (void)s;
    for (; from < PROCESSES && n < NUMBERS_AT_ONCE; from++) {
        if (processes[from].born) out[n++] = from;
    }
    return n;
}

static bool has_process(const struct subject *s, int number, uint32_t *mode)
{
    (void)s, (void)mode;
    return number > 0 && number < PROCESSES && processes[number].born;
}

/* Numbers behind a word. */
static unsigned list_three(const struct subject *s, int from, int *out)
{
    unsigned n = 0;

    (void)s;
    for (; from < 3; from++) {
        out[n++] = from;
    }
    return n;
}

static bool has_three(const struct subject *s, int number, uint32_t *mode)
{
    (void)s, (void)mode;
    return number < 3;
}

static int show_which(const struct subject *s, struct text *t)
{
    text_printf(t, "%d", s->fd);
    return 0;
}

static const struct proc_entry disk_entry = {.mode = S_IFREG | 0444, .show = show_which};
static const struct proc_directory disks = {.number = NUMBER_FD,
                                            .prefix = "disk",
                                            .numbered = &disk_entry,
                                            .list = list_three,
                                            .has = has_three};

static const struct proc_entry sys_entries[] = {
    {"word", S_IFREG | 0644, .show = show_stored, .store = store},
    {"button", S_IFREG | 0200, .store = store},
    {"fixed", S_IFREG | 0644, .text = "as it is"},
    {"disks", S_IFDIR | 0555, .directory = &disks},
    {0},
};
static const struct proc_directory sys = {.entries = sys_entries};
static const struct proc_entry root_entries[] = {
    {"count", S_IFREG | 0444, .show = show_count},
    {"broken", S_IFREG | 0444, .show = refuse},
    {"self", S_IFLNK | 0777, .target = self},
    {"sys", S_IFDIR | 0555, .directory = &sys},
    {0},
};
static const struct proc_directory root_directory = {
    .entries = root_entries,
    .number = NUMBER_PID,
    .numbered = &process_entry,
    .list = list_processes,
    .has = has_process,
};
static const struct proc_entry root = {.mode = S_IFDIR | 0555,
                                       .directory = &root_directory};

static void begin(void)
{
    struct path p;

    rig_begin();
    rig_mkdir("proc");
    struct file_system *fs = proc_create(&root, 0x9fa0);
    assert(fs && path_walk(&rig_env, "proc", 0, &p) == 0);
    assert(mount_add(fs, p, 0, "proc", "proc") == 0);
    path_put(p);
    memset(processes, 0, sizeof(processes));
    processes[7] = (struct process){70, 1000, 3, false};
    processes[12] = (struct process){120, 0, 150, false};
    asker = &root_cred;
    shown = 0;
}

static void end(void)
{
    EXPECT_EQ(held, 0);
    rig_end();
}

static uint32_t mode_of(const char *path)
{
    struct attributes a;

    return rig_stat(path, &a) == 0 ? a.mode : 0;
}

TEST(tables_and_numbers_are_names)
{
    begin();
    EXPECT_STR(rig_list("proc"), "12 7 broken count self sys");
    EXPECT_STR(rig_list("proc/7"), "fd name root secret");
    EXPECT_STR(rig_list("proc/sys"), "button disks fixed word");
    EXPECT_STR(rig_list("proc/7/fd"), "0 1 2");
    EXPECT(strlen(rig_list("proc/12/fd")) == 10 * 2 + 90 * 3 + 50 * 4 - 1);
    EXPECT_STR(rig_read("proc/7/name"), "process 7 task 0\n");
    EXPECT_STR(rig_read("proc/self/name"), "process 7 task 0\n");
    EXPECT(!rig_there("proc/8"));
    EXPECT(!rig_there("proc/07"));
    EXPECT(!rig_there("proc/-7"));
    EXPECT(!rig_there("proc/7777777777777"));
    EXPECT(!rig_there("proc/7/fd/3"));
    EXPECT(!rig_there("proc/sys/7"));
    EXPECT(!rig_there("proc/sys/words"));
    end();
}

/* Does the table of names know `name` in `dir`, without asking the file system? */
static bool is_kept(const char *dir, const char *name)
{
    struct dentry *d = NULL;
    struct path p;

    if (!EXPECT_EQ(path_walk(&rig_env, dir, 0, &p), 0)) return false;
    d = dentry_find(p.dentry, name, strlen(name));
    if (d) dentry_put(d);
    path_put(p);
    return d;
}

TEST(a_name_without_numbers_on_its_way_is_kept)
{
    begin();
    EXPECT_STR(rig_read("proc/self/name"), "process 7 task 0\n");
    EXPECT_STR(rig_read("proc/sys/disks/disk2"), "2");
    EXPECT(is_kept("proc", "self") && is_kept("proc", "sys"));
    EXPECT(is_kept("proc/sys", "disks"));
    EXPECT(!is_kept("proc", "7") && !is_kept("proc/7", "name"));
    EXPECT(!is_kept("proc/sys/disks", "disk2"));
    EXPECT(!rig_there("proc/8"));
    EXPECT(!is_kept("proc", "8"));
    end();
}

TEST(numbers_may_stand_behind_a_word)
{
    struct attributes a, b;

    begin();
    EXPECT_STR(rig_list("proc/sys/disks"), "disk0 disk1 disk2");
    EXPECT_STR(rig_read("proc/sys/disks/disk2"), "2");
    EXPECT(!rig_there("proc/sys/disks/disk3"));
    EXPECT(!rig_there("proc/sys/disks/disk"));
    EXPECT(!rig_there("proc/sys/disks/disk01"));
    EXPECT(!rig_there("proc/sys/disks/2"));
    EXPECT_EQ(rig_stat("proc/sys/disks/disk1", &a), 0);
    EXPECT_EQ(rig_stat("proc/sys/disks/disk2", &b), 0);
    EXPECT(a.ino != b.ino);
    end();
}

TEST(what_cannot_be_changed_may_be_written_as_it_is)
{
    begin();
    EXPECT_STR(rig_read("proc/sys/fixed"), "as it is\n");
    EXPECT_EQ(rig_write("proc/sys/fixed", "as it is\n"), 0);
    EXPECT_EQ(rig_write("proc/sys/fixed", "otherwise"), -EINVAL);
    end();
}

TEST(what_a_name_is_and_whose)
{
    struct attributes a, b;

    begin();
    EXPECT_EQ(mode_of("proc/7"), S_IFDIR | 0555);
    EXPECT_EQ(mode_of("proc/7/fd"), S_IFDIR | 0500);
    EXPECT_EQ(mode_of("proc/7/fd/0"), S_IFLNK | 0300);
    EXPECT_EQ(mode_of("proc/7/fd/1"), S_IFLNK | 0500);
    EXPECT_EQ(mode_of("proc/sys/button"), S_IFREG | 0200);
    EXPECT_EQ(rig_stat("proc/7/name", &a), 0);
    EXPECT(a.uid == 1000 && a.size == 0);
    processes[7].uid = 5;
    EXPECT_EQ(rig_stat("proc/7/name", &b), 0);
    EXPECT(b.uid == 5 && b.ino == a.ino && b.device == a.device);
    EXPECT_EQ(rig_stat("proc/12/name", &b), 0);
    EXPECT(b.uid == 0 && b.ino != a.ino);
    EXPECT_EQ(rig_stat("proc/sys/word", &a), 0);
    EXPECT_EQ(rig_stat("proc/sys/button", &b), 0);
    EXPECT(a.ino != b.ino && a.uid == 0);
    end();
}

TEST(files_of_what_hides_are_the_systems_but_its_directories_are_its_own)
{
    struct attributes a, b;

    begin();
    processes[7].hidden = true;
    EXPECT_EQ(rig_stat("proc/7/secret", &a), 0);
    EXPECT_EQ(rig_stat("proc/7/fd", &b), 0);
    EXPECT(a.uid == 0 && a.gid == 0 && b.uid == 1000);
    end();
}

TEST(an_owner_that_changes_is_seen_by_who_walks_while_the_file_is_open)
{
    struct attributes a;
    struct file *f;

    begin();
    EXPECT_EQ(rig_open("proc/7/name", O_RDONLY, &f), 0);
    processes[7].uid = 5;
    EXPECT_EQ(rig_stat("proc/7/name", &a), 0);
    EXPECT_EQ(a.uid, 5);
    file_put(f);
    end();
}

TEST(a_process_that_goes_takes_its_names_along)
{
    struct file *f, *again;
    char buf[64];

    begin();
    EXPECT_EQ(rig_open("proc/7/name", O_RDONLY, &f), 0);
    EXPECT_EQ(rig_chdir("proc/7"), 0);
    processes[7].born = 0;
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), -ESRCH);
    EXPECT(!rig_there("/proc/7"));
    EXPECT_EQ(rig_open("name", O_RDONLY, &again), -ESRCH);
    processes[7].born = 71;
    EXPECT(rig_there("/proc/7/name"));
    EXPECT(!rig_there("name"));
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), -ESRCH);
    file_put(f);
    EXPECT_EQ(rig_chdir("/"), 0);
    end();
}

TEST(a_descriptor_that_is_closed_is_no_name_any_more)
{
    struct file *f;

    begin();
    EXPECT_EQ(rig_open("proc/7/fd/2", O_PATH | O_NOFOLLOW, &f), 0);
    EXPECT(rig_there("proc/7/fd/2"));
    processes[7].files = 2;
    EXPECT(!rig_there("proc/7/fd/2"));
    file_put(f);
    end();
}

TEST(magic_links_lead_where_their_text_does_not)
{
    struct path p;
    char buf[32];

    begin();
    EXPECT_EQ(path_walk(&rig_env, "proc/7/fd/1", 0, &p), 0);
    EXPECT_EQ(path_readlink(p, buf, sizeof(buf)), 8);
    EXPECT_EQ(memcmp(buf, "file:[1]", 8), 0);
    path_put(p);
    EXPECT_EQ(path_walk(&rig_env, "proc/7/fd/1", WALK_FOLLOW, &p), 0);
    EXPECT(path_equal(p, rig_env.root));
    path_put(p);
    EXPECT(rig_there("proc/7/root/proc/12"));
    asker = &rig_user;
    EXPECT(rig_there("proc/7/root/proc"));
    processes[7].uid = 1;
    EXPECT_EQ(path_walk(&rig_env, "proc/7/root", WALK_FOLLOW, &p), -EACCES);
    EXPECT_EQ(path_walk(&rig_env, "proc/7/fd/1", 0, &p), 0);
    EXPECT_EQ(path_readlink(p, buf, sizeof(buf)), -EACCES);
    path_put(p);
    end();
}

TEST(secrets_are_for_who_may_look)
{
    struct file *f;

    begin();
    rig_become(&rig_user);
    EXPECT_EQ(rig_open("proc/7/secret", O_RDONLY, &f), 0);
    file_put(f);
    EXPECT_EQ(rig_open("proc/12/secret", O_RDONLY, &f), -EACCES);
    EXPECT_EQ(rig_open("proc/12/name", O_RDONLY, &f), 0);
    file_put(f);
    EXPECT_EQ(rig_open("proc/12/fd", O_RDONLY, &f), -EACCES);
    EXPECT_EQ(rig_open("proc/sys/word", O_RDWR, &f), -EACCES);
    end();
}

TEST(pieces_are_of_one_text_and_the_beginning_makes_another)
{
    struct file *f;
    char piece[7], whole[sizeof(piece) + 1] = "";
    unsigned bytes = 0;
    long n;

    begin();
    EXPECT_EQ(rig_open("proc/count", O_RDONLY, &f), 0);
    while ((n = rig_file_read(f, piece, sizeof(piece))) > 0) {
        bytes += (unsigned)n;
    }
    EXPECT(n == 0 && shown == 1);
    EXPECT_EQ(bytes, 10 * 9 + 90 * 10 + 900 * 11 + 2000 * 12);
    EXPECT_EQ(file_seek(f, 9, SEEK_SET), 9);
    EXPECT_EQ(rig_file_read(f, whole, 7), 7);
    EXPECT_STR(whole, "1 line ");
    EXPECT_EQ(file_seek(f, 0, SEEK_SET), 0);
    EXPECT_EQ(rig_file_read(f, whole, 7), 7);
    EXPECT_STR(whole, "2 line ");
    EXPECT_EQ(file_seek(f, 0, SEEK_END), -EINVAL);
    EXPECT_EQ(file_seek(f, 1 << 20, SEEK_SET), 1 << 20);
    EXPECT_EQ(rig_file_read(f, whole, 7), 0);
    file_put(f);
    end();
}

TEST(who_starts_in_the_middle_reads_the_middle)
{
    struct transfer t;
    struct file *f;
    char buf[6] = "";

    begin();
    EXPECT_EQ(rig_open("proc/7/name", O_RDONLY, &f), 0);
    transfer_kernel(&t, buf, 5);
    EXPECT_EQ(file_read_at(f, &t, 8), 5);
    EXPECT_STR(buf, "7 tas");
    file_put(f);
    end();
}

TEST(a_line_that_is_written_comes_without_its_newline)
{
    static char long_line[5000];
    struct file *f;

    begin();
    EXPECT_EQ(rig_write("proc/sys/word", "hello\n"), 0);
    EXPECT_STR(stored, "hello");
    EXPECT_STR(rig_read("proc/sys/word"), "hello\n");
    EXPECT_EQ(rig_write("proc/sys/button", "push"), 0);
    EXPECT_STR(stored, "push");
    EXPECT_EQ(rig_write("proc/sys/word", "bad"), -EINVAL);
    EXPECT_EQ(rig_write("proc/sys/word", ""), 0);
    EXPECT_STR(stored, "push");
    memset(long_line, 'x', sizeof(long_line) - 1);
    EXPECT_EQ(rig_write("proc/sys/word", long_line), -EINVAL);
    EXPECT(!rig_read("proc/sys/button"));
    EXPECT(!rig_read("proc/broken"));
    EXPECT_EQ(rig_write("proc/count", "x"), -EINVAL);
    EXPECT_EQ(rig_open("proc/new", O_RDWR | O_CREAT, &f), -ENOENT);
    EXPECT_EQ(rig_mkdir("proc/new"), -ENOENT);
    EXPECT_EQ(rig_rename("proc/count", "proc/new", 0), -ENOENT);
    EXPECT_EQ(rig_unlink("proc/count"), -EPERM);
    end();
}

TEST(nothing_is_remembered_of_what_nobody_uses)
{
    begin();
    dentry_drain();
    uint64_t before = slab_bytes_in_use();
    for (unsigned i = 0; i < 1000; i++) {
        char path[32];
        snprintf(path, sizeof(path), "proc/7/no%u", i);
        EXPECT(!rig_there(path));
    }
    EXPECT_STR(rig_read("proc/7/name"), "process 7 task 0\n");
    EXPECT_EQ(slab_bytes_in_use(), before);
    end();
}

static bool read_without_memory(uint64_t budget)
{
    struct file *f;
    char buf[100];
    long n = 0;

    begin();
    page_fail_after(budget);
    int err = rig_open("proc/count", O_RDONLY, &f);
    if (!err) n = rig_file_read(f, buf, sizeof(buf));
    page_fail_never();
    if (!err) file_put(f);
    EXPECT(err == 0 || err == -ENOMEM);
    EXPECT(n == 0 || n == -ENOMEM || n == 100);
    end();
    return n == 100;
}

TEST(without_memory_nothing_is_lost)
{
    for (uint64_t budget = 0; !read_without_memory(budget); budget++) {
        if (!EXPECT(budget < 100)) return;
    }
    rig_begin();
    for (uint64_t budget = 0; budget < 10; budget++) {
        page_fail_after(budget);
        struct file_system *fs = proc_create(&root, 0x9fa0);
        page_fail_never();
        if (fs) file_system_abandon(fs);
    }
    rig_end();
}

TEST(a_text_has_an_end)
{
    struct text t;
    static char piece[1 << 16];

    rig_begin();
    text_init(&t);
    for (unsigned i = 0; i < 70; i++) {
        text_put(&t, piece, sizeof(piece));
    }
    EXPECT_EQ(t.err, -ENOMEM);
    EXPECT_EQ(t.len, TEXT_MOST);
    text_put(&t, piece, 1);
    EXPECT_EQ(t.len, TEXT_MOST);
    text_free(&t);
    text_put_escaped(&t, "a b\tc\\d\ne");
    text_put(&t, "", 1);
    EXPECT_STR(t.bytes, "a\\040b\\011c\\134d\\012e");
    text_free(&t);
    rig_end();
}
