/* Names: made, removed, moved, listed; links; where we are. */
#include "rows.h"

#include <dirent.h>
#include <sys/sysmacros.h>

static void directories(void)
{
    ROW(mkdir("d", 0777));
    ROW(mkdir("d", 0777));
    ROW(mkdir("d/", 0777));
    ROW(mkdir("new/", 0777));
    ROW(rmdir("new/"));
    ROW(mkdir("none/d", 0777));
    ROW(mkdir("", 0777));
    ROW(mkdir("/", 0777));
    ROW(mkdir(".", 0777));
    ROW(mkdir("d/..", 0777));
    ROW(mkdirat(77, "x", 0777));
    ROW(mkdir(NOWHERE, 0777));
    ROW(make("d/f", "x"));
    ROW(rmdir("d"));
    ROW(rmdir("d/f"));
    ROW(unlink("d"));
    ROW(rmdir("."));
    ROW(rmdir("d/.."));
    ROW(rmdir("d/."));
    ROW(rmdir("/"));
    ROW(rmdir("none"));
    ROW(unlink("d/f/"));
    ROW(unlinkat(AT_FDCWD, "d/f", 5));
    ROW(unlinkat(AT_FDCWD, "d/f", AT_REMOVEDIR));
    ROW(unlink("d/f"));
    ROW(unlink("d/f"));
    ROW(unlink(""));
    ROW(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

static void links(void)
{
    char text[16], longest[4100];
    struct stat s;

    memset(longest, 'x', sizeof(longest));
    longest[4099] = 0;
    ROW(make("f", "text"));
    ROW(link("f", "g"));
    ROW(link("f", "g"));
    ROW(stat("f", &s) || s.st_nlink);
    ROW(link("none", "h"));
    ROW(link("f", "none/h"));
    ROW(link(".", "h"));
    ROW(link("f", "h/"));
    ROW(link("/dev/null", "h"));
    ROW(symlink("f", "s"));
    ROW(linkat(AT_FDCWD, "s", AT_FDCWD, "t", 0));
    ROW(lstat("t", &s) || S_ISLNK(s.st_mode));
    ROW(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
    ROW(lstat("u", &s) || S_ISREG(s.st_mode));
    ROW(linkat(AT_FDCWD, "s", AT_FDCWD, "v", 5));
    ROW(open(".", O_TMPFILE | O_RDWR, 0600));
    ROW(linkat(3, "", AT_FDCWD, "nameless", AT_EMPTY_PATH));
    ROW(access("nameless", F_OK));
    close(3);
    ROW(open("f", O_RDONLY));
    ROW(linkat(3, "", AT_FDCWD, "again", AT_EMPTY_PATH));
    ROW(linkat(3, "", AT_FDCWD, "again", 0));
    close(3);
    ROW(symlink("", "w"));
    ROW(symlink("f", ""));
    ROW(symlink("f", "s"));
    ROW(symlink(longest, "w"));
    longest[4095] = 0;
    ROW(symlink(longest, "w"));
    longest[4094] = 0;
    ROW(symlink(longest, "w"));
    ROW(readlink("s", text, 16));
    ROW(readlink("s", text, 0));
    ROW(readlink("f", text, 16));
    ROW(readlink("none", text, 16));
    ROW(readlink("s", NOWHERE, 16));
    ROW(readlinkat(AT_FDCWD, "", text, 16));
    ROW(open("f", O_PATH));
    ROW(readlinkat(3, "", text, 16));
    close(3);
    ROW(open("s", O_PATH | O_NOFOLLOW));
    ROW(readlinkat(3, "", text, 16));
    close(3);
    const char *all[] = {"f", "g", "s", "t", "u", "w", "nameless", "again"};
    for (unsigned i = 0; i < 8; i++) {
        unlink(all[i]);
    }
}

static void nodes(void)
{
    struct stat s;

    ROW(mknod("f", S_IFREG | 0640, 0));
    ROW(mknod("g", 0640, 0));
    ROW(stat("g", &s) || S_ISREG(s.st_mode));
    ROW(mknod("d", S_IFDIR | 0640, 0));
    ROW(mknod("l", S_IFLNK | 0640, 0));
    ROW(mknod("x", 0170000, 0));
    ROW(mknod("p", S_IFIFO | 0640, 5));
    ROW(stat("p", &s) || s.st_rdev);
    ROW(mknod("n", S_IFCHR | 0666, makedev(1, 3)));
    ROW(stat("n", &s) || s.st_rdev == makedev(1, 3));
    ROW(mknod("o", S_IFCHR | 0666, makedev(400, 70000)));
    ROW(mknod("b", S_IFBLK | 0666, makedev(400, 3)));
    ROW(mknod("s", S_IFSOCK | 0666, 0));
    ROW(open("s", O_RDONLY));
    ROW(mknod("f", S_IFREG | 0640, 0));
    const char *all[] = {"f", "g", "p", "n", "o", "b", "s"};
    for (unsigned i = 0; i < 7; i++) {
        unlink(all[i]);
    }
}

static void moves(void)
{
    ROW(make("f", "f"));
    ROW(make("g", "gg"));
    ROW(mkdir("d", 0755));
    ROW(mkdir("d/e", 0755));
    ROW(rename("f", "f"));
    ROW(rename("f", "g"));
    ROW(access("f", F_OK));
    ROW(rename("g", "d"));
    ROW(rename("d", "g"));
    ROW(rename("d", "d/e/x"));
    ROW(rename("d/e", "d"));
    ROW(rename("none", "x"));
    ROW(rename("g", "none/x"));
    ROW(rename("g", "x/"));
    ROW(rename("g/", "x"));
    ROW(rename(".", "x"));
    ROW(rename("d/..", "x"));
    ROW(rename("g", "."));
    ROW(rename("g", ""));
    ROW(rename("g", "/dev/x"));
    ROW(mkdir("empty", 0755));
    ROW(rename("d", "empty/"));
    ROW(rename("empty", "d"));
    ROW(mkdir("other", 0755));
    ROW(rename("other", "d"));
    ROW(rename("d/e", "other"));
    ROW(make("f", "f"));
    ROW(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE));
    ROW(renameat2(AT_FDCWD, "f", AT_FDCWD, "d", RENAME_EXCHANGE));
    ROW(access("f/.", F_OK));
    ROW(renameat2(AT_FDCWD, "f", AT_FDCWD, "none", RENAME_EXCHANGE));
    ROW(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_EXCHANGE | RENAME_NOREPLACE));
    ROW(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", 1 << 5));
    ROW(renameat2(77, "f", AT_FDCWD, "g", 0));
    unlink("g");
    unlink("d");
    rmdir("d");
    rmdir("other");
    unlink("f");
    rmdir("f");
    rmdir("empty");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *names[64];
    unsigned n = 0;
    DIR *d = opendir(path);

    for (struct dirent *e; d && (e = readdir(d)) != NULL && n < 64;) {
        char shown[300];
        snprintf(shown, sizeof(shown), "%s:%d", e->d_name, e->d_type);
        names[n++] = strdup(shown);
    }
    if (d) closedir(d);
    qsort(names, n, sizeof(names[0]), by_name);
    for (unsigned i = 0; i < n; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void listings(void)
{
    char entries[1024], name[300];

    ROW(mkdir("d", 0755));
    list("d");
    make("d/file", "");
    mkdir("d/dir", 0755);
    symlink("x", "d/link");
    mkfifo("d/fifo", 0644);
    mknod("d/null", S_IFCHR | 0666, makedev(1, 3));
    list("d");
    ROW(open("d", O_RDONLY | O_DIRECTORY));
    ROW(syscall(SYS_getdents64, 3, entries, 10));
    ROW(syscall(SYS_getdents64, 3, NOWHERE, 1024));
    ROW(syscall(SYS_getdents64, 3, entries, 24));
    ROW(syscall(SYS_getdents64, 3, entries, 1024) > 0);
    ROW(syscall(SYS_getdents64, 3, entries, 1024));
    ROW(lseek(3, 0, SEEK_SET));
    ROW(syscall(SYS_getdents64, 3, entries, 1024) > 0);
    close(3);
    ROW(open("d/file", O_RDONLY));
    ROW(syscall(SYS_getdents64, 3, entries, 1024));
    close(3);
    ROW(syscall(SYS_getdents64, 77, entries, 1024));
    unlink("d/file");
    rmdir("d/dir");
    unlink("d/link");
    unlink("d/fifo");
    unlink("d/null");
    /* Names that go while they are listed; each is seen once. */
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "d/%d", i);
        make(name, "");
    }
    DIR *dir = opendir("d");
    int seen = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(name, sizeof(name), "d/%s", e->d_name);
        seen += unlink(name) == 0;
    }
    closedir(dir);
    ROW(seen);
    ROW(rmdir("d"));
}

static void places(void)
{
    char name[4200];

    ROW(mkdir("d", 0755));
    ROW(mkdir("d/e", 0755));
    ROW(make("f", ""));
    ROW(syscall(SYS_getcwd, name, sizeof(name)));
    show_text("cwd", name, strlen(name));
    ROW(syscall(SYS_getcwd, name, 5));
    ROW(syscall(SYS_getcwd, name, 0));
    ROW(syscall(SYS_getcwd, NOWHERE, 100));
    ROW(chdir("d/e"));
    ROW(syscall(SYS_getcwd, name, sizeof(name)));
    show_text("cwd", name, strlen(name));
    ROW(rmdir("../e"));
    ROW(syscall(SYS_getcwd, name, sizeof(name)));
    ROW(open(".", O_RDONLY));
    ROW(syscall(SYS_getdents64, 3, name, 1024));
    close(3);
    ROW(make("x", ""));
    ROW(mkdir("x", 0755));
    ROW(access("..", F_OK));
    ROW(chdir(".."));
    ROW(chdir(".."));
    ROW(chdir("none"));
    ROW(chdir("f"));
    ROW(chdir(""));
    ROW(open("f", O_RDONLY));
    ROW(fchdir(3));
    close(3);
    ROW(open("d", O_PATH));
    ROW(fchdir(3));
    close(3);
    ROW(fchdir(77));
    ROW(chdir(".."));
    ROW(rmdir("d"));
    ROW(unlink("f"));
    ROW(umask(0777));
    ROW(umask(022) == 0777);
    ROW(umask(01022));
    ROW(umask(022));
}

static void another_root(void)
{
    char name[100];

    ROW(mkdir("jail", 0755));
    ROW(mkdir("jail/in", 0755));
    ROW(symlink("/in", "jail/link"));
    fflush(stdout);
    if (fork() == 0) {
        ROW(chroot("none"));
        ROW(chroot("jail"));
        ROW(syscall(SYS_getcwd, name, 100));
        show_text("cwd", name, 13);
        ROW(chdir("/"));
        ROW(chdir(".."));
        ROW(access("in", F_OK));
        ROW(chdir("link"));
        ROW(syscall(SYS_getcwd, name, 100));
        show_text("cwd", name, strlen(name));
        ROW(access("/dev", F_OK));
        exit(0);
    }
    wait(NULL);
    unlink("jail/link");
    rmdir("jail/in");
    rmdir("jail");
}

int main(void)
{
    work_in("files_names");
    directories();
    links();
    nodes();
    moves();
    listings();
    places();
    another_root();
    leave("files_names");
    return 0;
}
