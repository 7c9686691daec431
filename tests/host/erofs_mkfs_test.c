/*
 * Images that mkfs.erofs makes of a directory, in each of the ways it knows: what is read is
 * what the directory holds, name by name and byte by byte. fsck.erofs judges our own
 * writer (erofs_image.h) and unpacks each image, too.
 *
 * Everything lies in a new folder under $TMPDIR. What only root may make (devices) is there
 * only if we are root, and extended attributes only where files can have them.
 */
// sources: kernel/fs/erofs/super.c kernel/fs/erofs/inode.c kernel/fs/erofs/dir.c
// sources: tests/host/erofs_image.c
// flags: -D_GNU_SOURCE
#include "erofs_image.h"

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MANY = 2000, DEEP = 60 };

static char *folder; /* ours, with tree/, image and out/ in it */
static struct image image;
static struct erofs fs;

/* A command, in our folder. What it said is shown if it fails. */
static bool run(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    strcpy(command + n, " >said 2>&1 </dev/null");
    if (system(command) == 0) return true;
    printf("    %s\n", command);
    fflush(stdout);
    (void)!system("tail -n 5 said | cut -c 1-200");
    return false;
}

/* The folder is the working directory of everything that makes files. */
static bool make_folder(void)
{
    char name[256];
    const char *tmp = getenv("TMPDIR");

    snprintf(name, sizeof(name), "%s/erofs-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(name)) return false;
    folder = strdup(name);
    return chdir(folder) == 0;
}

static void remove_folder(void)
{
    (void)run("rm -rf %s", folder);
    free(folder);
}

static uint8_t byte_at(uint64_t seed, uint64_t at)
{
    return (uint8_t)((seed * 2654435761u + at * 40503u) >> 7);
}

static void make_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "w");

    assert(f);
    for (size_t at = 0; at < size; at++) {
        putc(byte_at(size, at), f);
    }
    fclose(f);
}

/* Some bytes at some places, and nothing between them. */
static void make_sparse(const char *path, size_t size, const size_t *places, unsigned n)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    for (unsigned i = 0; i < n; i++) {
        assert(pwrite(fd, "something", 9, (off_t)places[i]) == 9);
    }
    close(fd);
}

static void make_link(size_t len)
{
    char target[EROFS_LINK_LIMIT + 1], path[64];

    memset(target, 't', len);
    target[len] = 0;
    snprintf(path, sizeof(path), "tree/link-%zu", len);
    assert(symlink(target, path) == 0);
}

static void make_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(name.sun_path, path);
    assert(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
    close(fd);
}

/* Whether files can have attributes here is not ours to choose. */
static void add_xattrs(const char *path, unsigned number, size_t len)
{
    char value[2000];

    memset(value, 'v', len);
    for (unsigned i = 0; i < number; i++) {
        char name[32];
        snprintf(name, sizeof(name), "user.attribute%u", i);
        (void)!setxattr(path, name, value, len, 0);
    }
}

/* 254: mkfs.erofs 1.5 says of a longer name that it is not there. */
static void make_names(void)
{
    char path[512] = "tree/names";

    assert(mkdir(path, 0755) == 0);
    for (unsigned len = 1; len < 255; len += len < 8 ? 1 : 13) {
        memset(path + 10, 'n', len + 1);
        path[10] = '/';
        path[11 + len] = 0;
        make_file(path, len);
    }
    memset(path + 11, (char)0xfe, 254);
    path[11 + 254] = 0;
    make_file(path, 255);
    make_file("tree/names/ new\nline and\ttab", 1);
}

static void make_many(void)
{
    assert(mkdir("tree/many", 0755) == 0);
    for (unsigned i = 0; i < MANY; i++) {
        char path[64];
        snprintf(path, sizeof(path), "tree/many/%s%u", i % 3 ? "file" : "", i);
        make_file(path, i % 50);
    }
}

static void make_deep(void)
{
    char path[512] = "tree";

    for (unsigned i = 0; i < DEEP; i++) {
        strcat(path, "/deep");
        assert(mkdir(path, 0700) == 0);
    }
    strcat(path, "/end");
    make_file(path, 10);
}

static void make_sizes(void)
{
    static const size_t around[] = {1, 32, 64, 2000, 4096, 8192, 12288, 65536, 300000};

    assert(mkdir("tree/sizes", 01777) == 0);
    for (unsigned i = 0; i < ARRAY_SIZE(around); i++) {
        for (size_t size = around[i] - 1; size <= around[i] + 1; size++) {
            char path[64];
            snprintf(path, sizeof(path), "tree/sizes/%zu", size);
            make_file(path, size);
            if (i % 2 == 0) add_xattrs(path, i + 1, size % 100);
        }
    }
    for (size_t size = 3900; size < 4096; size += 28) {
        char path[64];
        snprintf(path, sizeof(path), "tree/sizes/%zu", size);
        make_file(path, size);
    }
}

static void make_tree(void)
{
    static const size_t links[] = {1,  2,    31,   32,   33,   59,
                                   60, 1000, 4000, 4032, 4064, 4095};
    static const size_t places[] = {0, 100000, 1 << 20, (3 << 20) - 9};

    assert(mkdir("tree", 0755) == 0);
    make_sizes();
    make_names();
    make_many();
    make_deep();
    for (unsigned i = 0; i < ARRAY_SIZE(links); i++) {
        make_link(links[i]);
    }
    make_sparse("tree/sparse", 3 << 20, places, 4);
    make_sparse("tree/all-hole", 1 << 20, places, 0);
    make_sparse("tree/hole-first", 50001, places + 1, 0);
    make_file("tree/setuid", 5);
    assert(chmod("tree/setuid", 06711) == 0);
    make_file("tree/xattrs", 3000);
    add_xattrs("tree/xattrs", 3, 300);
    make_file("tree/more-xattrs", 100);
    add_xattrs("tree/more-xattrs", 20, 150);
    add_xattrs("tree/many", 2, 10);
    make_file("tree/first-name", 7000);
    assert(link("tree/first-name", "tree/second-name") == 0);
    assert(link("tree/first-name", "tree/deep/third-name") == 0);
    assert(mkfifo("tree/fifo", 0640) == 0);
    make_socket("tree/socket");
    (void)!mknod("tree/char", S_IFCHR | 0600, makedev(4, 64));
    (void)!mknod("tree/block", S_IFBLK | 0600, makedev(259, 70000));
    assert(mkdir("tree/empty", 0555) == 0);
}

static bool load_image(const char *path)
{
    FILE *f = fopen(path, "r");
    struct stat st;

    if (!f || fstat(fileno(f), &st) != 0) return false;
    uint8_t *bytes = malloc((size_t)st.st_size);
    bool whole = fread(bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size;
    image_copy(&image, bytes, (size_t)st.st_size);
    free(bytes);
    fclose(f);
    int err = erofs_open(&fs, &image.source);
    if (err) printf("    %s: %s\n", path, fs.reason);
    return whole && err == 0;
}

static unsigned compared;  /* files */
static int64_t all_mtimes; /* what every file has; -1: its own */
static bool mtimes_are_kept;

static bool differ(const char *path, const char *how)
{
    printf("    %s: %s differs\n", path, how);
    return false;
}

static unsigned kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return EROFS_REGULAR;
    case S_IFDIR:
        return EROFS_DIRECTORY;
    case S_IFLNK:
        return EROFS_SYMLINK;
    case S_IFCHR:
        return EROFS_CHAR;
    case S_IFBLK:
        return EROFS_BLOCK;
    case S_IFIFO:
        return EROFS_FIFO;
    default:
        return EROFS_SOCKET;
    }
}

static bool same_attributes(const char *path, const struct erofs_inode *inode,
                            const struct stat *st)
{
    bool device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
    int64_t mtime = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;

    if (inode->kind != kind_of(st->st_mode)) return differ(path, "its kind");
    if (inode->mode != (st->st_mode & 07777)) return differ(path, "its mode");
    if (inode->uid != st->st_uid || inode->gid != st->st_gid)
        return differ(path, "its owner");
    if (S_ISREG(st->st_mode) && inode->nlink != st->st_nlink)
        return differ(path, "its number of links");
    if (!S_ISDIR(st->st_mode) && inode->size != (uint64_t)st->st_size)
        return differ(path, "its size");
    if (device && (inode->rdev_major != major(st->st_rdev) ||
                   inode->rdev_minor != minor(st->st_rdev)))
        return differ(path, "its device");
    if (all_mtimes >= 0 && inode->mtime != all_mtimes) return differ(path, "its time");
    if (all_mtimes < 0 && mtimes_are_kept && inode->mtime != mtime)
        return differ(path, "its time");
    return true;
}

/* In pages, and in pieces that begin and end somewhere. */
static bool same_contents(const char *path, const struct erofs_inode *inode)
{
    static uint8_t ours[4 << 20], theirs[4 << 20];
    size_t size = inode->size, done = 0;
    int fd = open(path, O_RDONLY);

    assert(size + PAGE_SIZE <= sizeof(ours));
    bool whole = fd >= 0 && read(fd, theirs, size + 1) == (ssize_t)size;
    close(fd);
    if (!whole) return differ(path, "what it holds");
    while (done < size) {
        size_t n = 1 + test_random_below(20000);
        long got = erofs_read(&fs, inode, done, ours + done, n);
        if (got != (long)(n < size - done ? n : size - done))
            return differ(path, "how much is read of it");
        done += (size_t)got;
    }
    if (memcmp(ours, theirs, size) != 0) return differ(path, "a piece of it");
    memset(theirs + size, 0, PAGE_SIZE);
    for (uint64_t i = 0; i * PAGE_SIZE < size; i++) {
        if (erofs_read_page(&fs, inode, i, ours) != 0) return differ(path, "a page");
        if (memcmp(ours, theirs + i * PAGE_SIZE, PAGE_SIZE) != 0)
            return differ(path, "a page");
    }
    return true;
}

static bool same_link(const char *path, const struct erofs_inode *inode)
{
    char ours[EROFS_LINK_LIMIT + 1], theirs[EROFS_LINK_LIMIT + 1];

    long len = erofs_read_link(&fs, inode, ours);
    if (len != readlink(path, theirs, sizeof(theirs)))
        return differ(path, "the length of its target");
    return memcmp(ours, theirs, (size_t)len) == 0 || differ(path, "its target");
}

struct names {
    char **name;
    uint64_t *nid;
    size_t count, room;
};

static bool collect(void *arg, const struct erofs_entry *entry, uint64_t next)
{
    struct names *n = arg;

    (void)next;
    if (n->count == n->room) {
        n->room = n->room ? 2 * n->room : 64;
        n->name = realloc(n->name, n->room * sizeof(*n->name));
        n->nid = realloc(n->nid, n->room * sizeof(*n->nid));
    }
    n->name[n->count] = strndup(entry->name, entry->len);
    n->nid[n->count++] = entry->nid;
    return true;
}

static bool same_tree(const char *path, uint64_t nid);

/* Every name of ours is one of theirs, leads to the same by both ways, and the other way
 * round: none of theirs is missing. */
static bool same_directory(const char *path, const struct erofs_inode *dir)
{
    struct names ours = {0};
    struct erofs_entry found;
    size_t theirs = 0;
    bool same = true;

    if (erofs_readdir(&fs, dir, 0, collect, &ours) != 0) return differ(path, "its list");
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)); theirs++) {
        if (erofs_lookup(&fs, dir, e->d_name, strlen(e->d_name), &found) != 0)
            same = differ(path, e->d_name);
    }
    closedir(d);
    if (ours.count != theirs) same = differ(path, "the number of names");
    for (size_t i = 0; i < ours.count; i++) {
        char *name = ours.name[i];
        char longer[4096];
        size_t len = (size_t)snprintf(longer, sizeof(longer), "%s/%s", path, name);
        assert(len < sizeof(longer));
        if (erofs_lookup(&fs, dir, name, strlen(name), &found) != 0 ||
            found.nid != ours.nid[i])
            same = differ(longer, "where its name leads");
        if (i > 0 && strcmp(ours.name[i - 1], name) >= 0) same = differ(longer, "order");
        if (strcmp(name, ".") == 0) {
            same &= ours.nid[i] == dir->nid || differ(longer, "self");
        } else if (strcmp(name, "..") != 0) {
            same &= same_tree(longer, ours.nid[i]);
        }
        strcpy(longer, name);
        strcat(longer, "!");
        if (erofs_lookup(&fs, dir, longer, strlen(longer), &found) != -ENOENT)
            same = differ(longer, "a name that is not there");
    }
    for (size_t i = 0; i < ours.count; i++) {
        free(ours.name[i]);
    }
    free(ours.name);
    free(ours.nid);
    return same;
}

static bool same_tree(const char *path, uint64_t nid)
{
    struct erofs_inode inode;
    struct stat st;

    compared++;
    if (lstat(path, &st) != 0) return differ(path, "whether it is there");
    int err = erofs_read_inode(&fs, nid, &inode);
    if (err) return differ(path, strerror(-err));
    if (!same_attributes(path, &inode, &st)) return false;
    switch (inode.kind) {
    case EROFS_REGULAR:
        return same_contents(path, &inode);
    case EROFS_DIRECTORY:
        return same_directory(path, &inode);
    case EROFS_SYMLINK:
        return same_link(path, &inode);
    default:
        return true;
    }
}

static bool make_image(const char *options)
{
    return run("rm -f image; mkfs.erofs --quiet %s image tree", options);
}

/* Makes an image of the tree, and compares. */
static void try_options(const char *options)
{
    if (!EXPECT(make_image(options))) return;
    if (!EXPECT(load_image("image"))) return;
    compared = 0;
    if (!EXPECT(same_tree("tree", fs.root))) printf("    with options %s\n", options);
    EXPECT(compared > MANY + DEEP);
    EXPECT_EQ(image.held, 0);
    EXPECT(run("fsck.erofs image"));
    image_end(&image);
}

static uint64_t nid_of(const char *name)
{
    struct erofs_inode root;
    struct erofs_entry entry = {0};

    EXPECT_EQ(erofs_read_inode(&fs, fs.root, &root), 0);
    EXPECT_EQ(erofs_lookup(&fs, &root, name, strlen(name), &entry), 0);
    return entry.nid;
}

TEST(a_tree_is_read_as_it_was_however_its_image_was_made)
{
    /* A file has its own time in large inodes only, which are made where needed. */
    static const char *const options[] = {
        "-Eforce-inode-extended",
        "-Eforce-inode-extended,noinline_data",
        "-Eforce-inode-extended,nosbcrc -x-1",
        "-Eforce-inode-extended,force-inode-blockmap --chunksize=4096",
        "-Eforce-inode-extended,force-chunk-indexes --chunksize=8192",
        "--chunksize=65536",
        "-x1",
        "",
    };

    all_mtimes = -1;
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        mtimes_are_kept = strstr(options[i], "extended");
        try_options(options[i]);
    }
}

TEST(small_inodes_have_the_time_of_the_image)
{
    all_mtimes = 1234567890000000000;
    try_options("-Eforce-inode-compact -T1234567890");
    try_options("-Eforce-inode-compact,noinline_data -T1234567890");
    try_options("-Eforce-inode-compact --chunksize=4096 -T1234567890");
    all_mtimes = -1;
}

TEST(names_of_one_file_lead_to_one_inode)
{
    if (!EXPECT(make_image(""))) return;
    if (!EXPECT(load_image("image"))) return;
    EXPECT_EQ(nid_of("first-name"), nid_of("second-name"));
    EXPECT(nid_of("first-name") != nid_of("xattrs"));
    image_end(&image);
}

TEST(a_compressed_image_is_refused_with_a_reason)
{
    if (!EXPECT(make_image("-zlz4hc -C65536"))) return;
    EXPECT(!load_image("image"));
    EXPECT_STR(fs.reason, "compressed: make it without -z");
    image_end(&image);
}

/* What fsck.erofs unpacks is what we read: it leaves out owners, times and sockets. */
TEST(fsck_unpacks_what_we_read)
{
    static const char *const options[] = {"-Eforce-inode-compact",
                                          "-Eforce-inode-extended --chunksize=4096"};

    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        if (!EXPECT(make_image(options[i]))) return;
        if (!EXPECT(run("rm -rf out; fsck.erofs --extract=out image"))) return;
        EXPECT(run("diff -r --no-dereference tree/sizes out/sizes"));
        EXPECT(run("diff -r --no-dereference tree/names out/names"));
        EXPECT(run("cmp tree/sparse out/sparse"));
    }
}

/* What fsck.erofs takes out of the zoo is what the reader's tests expect there. (Version 1.5
 * leaves holes out of what it unpacks: of such files only the image is checked.) */
static bool unpacked(const char *path, char letter, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t at = 0;

    if (!f) return differ(path, "whether it is there");
    while (at < size && getc(f) == zoo_byte(letter, at)) {
        at++;
    }
    bool whole = at == size && getc(f) == EOF;
    fclose(f);
    return whole || differ(path, "what it holds");
}

TEST(fsck_finds_nothing_wrong_with_our_writer)
{
    image_make_zoo(&image, 12);
    FILE *f = fopen("zoo", "w");
    EXPECT_EQ(fwrite(image.bytes, 1, image.room, f), image.room);
    fclose(f);
    image_end(&image);
    EXPECT(run("rm -rf out; fsck.erofs --extract=out zoo"));
    EXPECT(unpacked("out/plain", 'p', 2 * 4096 + 100));
    EXPECT(unpacked("out/inline", 'n', 4096 + 77));
    EXPECT(unpacked("out/chunks", 'c', 5 * 4096 - 3));
    EXPECT(unpacked("out/xattrs", 'x', 100));
    EXPECT(unpacked("out/dir/x", 'p', 2 * 4096 + 100));
}

TEST(walking_all_of_it_finds_no_error)
{
    struct walk_result seen;

    if (!EXPECT(make_image("-Elegacy-compress"))) return;
    if (!EXPECT(load_image("image"))) return;
    image_walk(&image, 100000, &seen);
    EXPECT_EQ(seen.errors, 0);
    EXPECT(seen.files > MANY);
    image_end(&image);
}

static void __attribute__((constructor)) before(void)
{
    assert(make_folder());
    make_tree();
    atexit(remove_folder);
}
