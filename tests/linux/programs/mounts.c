/* Mounts: made, bound, moved, changed, taken away. In a directory that is private to the program. */
#include "rows.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static void new_ones(void)
{
    struct statfs s;

    ROW(mkdir("m", 0755));
    ROW(make("f", ""));
    ROW(mount("none", "m", "tmpfs", 0, "size=64k,mode=0711,nr_inodes=20"));
    ROW(statfs("m", &s));
    printf("blocks %ld files %ld\n", (long)s.f_blocks, (long)s.f_files);
    struct stat st;
    ROW(stat("m", &st) || (st.st_mode & 07777) == 0711);
    ROW(make("m/f", "inside"));
    ROW(rmdir("m"));
    ROW(rename("m", "n"));
    ROW(rename("m/f", "f2"));
    ROW(link("m/f", "f2"));
    ROW(open("m/f", O_RDONLY));
    ROW(umount("m"));
    close(3);
    ROW(chdir("m"));
    ROW(umount("."));
    ROW(chdir(".."));
    ROW(access("m/f", F_OK));
    ROW(umount("m/f"));
    ROW(umount("m"));
    ROW(access("m/f", F_OK));
    ROW(umount("m"));
    ROW(umount("none"));
    ROW(umount2("m", 1 << 10));
    ROW(mount("none", "none", "tmpfs", 0, NULL));
    ROW(mount("none", "m", "nothing", 0, NULL));
    ROW(mount("none", "m", NULL, 0, NULL));
    ROW(mount("none", "f", "tmpfs", 0, NULL));
    ROW(mount("none", "m", "tmpfs", 0, "size=x"));
    ROW(mount("none", "m", "tmpfs", 0, "mode=9"));
    ROW(mount("none", "m", NOWHERE, 0, NULL));
    ROW(mount(NULL, NOWHERE, "tmpfs", 0, NULL));
}

static void flags(void)
{
    struct statfs s;

    ROW(mount("none", "m", "tmpfs", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL));
    ROW(statfs("m", &s));
    ROW(s.f_flags & 15);
    ROW(make("m/f", ""));
    ROW(chmod("m/f", 0755));
    ROW(access("m/f", X_OK));
    ROW(mount("none", "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    ROW(statfs("m", &s));
    ROW(s.f_flags & 15);
    ROW(access("m/f", X_OK));
    ROW(access("m/f", W_OK));
    ROW(open("m/f", O_RDWR));
    ROW(make("m/g", ""));
    ROW(mkdir("m/g", 0755));
    ROW(unlink("m/f"));
    ROW(rename("m/f", "m/g"));
    ROW(chmod("m/f", 0700));
    ROW(utimensat(AT_FDCWD, "m/f", NULL, 0));
    ROW(truncate("m/f", 0));
    ROW(symlink("x", "m/f"));
    ROW(mkdir("m/f", 0755));
    ROW(mount("none", "m/f", NULL, MS_REMOUNT | MS_BIND, NULL));
    ROW(mount("none", "m", NULL, MS_REMOUNT | MS_BIND, NULL));
    ROW(make("m/g", ""));
    ROW(mount(NULL, "m", NULL, MS_PRIVATE, NULL));
    ROW(mount(NULL, "m", NULL, MS_PRIVATE | MS_SLAVE, NULL));
    ROW(mount(NULL, "m/f", NULL, MS_PRIVATE, NULL));
    ROW(umount("m"));
}

static void bound(void)
{
    char name[100];

    ROW(mkdir("a", 0755));
    ROW(mkdir("a/sub", 0755));
    ROW(mkdir("a/sub/deep", 0755));
    ROW(mkdir("b", 0755));
    ROW(make("a/f", "text"));
    ROW(mount("a", "b", NULL, MS_BIND, NULL));
    ROW(access("b/f", F_OK));
    ROW(unlink("b/f"));
    ROW(access("a/f", F_OK));
    ROW(chdir("b/sub"));
    ROW(syscall(SYS_getcwd, name, 100));
    show_text("cwd", name, strlen(name));
    ROW(chdir("../.."));
    ROW(access("a", F_OK));
    ROW(mount("none", "a/sub", "tmpfs", 0, NULL));
    ROW(make("a/sub/in", ""));
    ROW(access("b/sub/in", F_OK));
    ROW(mount("none", "b/sub", "tmpfs", 0, NULL));
    ROW(make("b/sub/other", ""));
    ROW(access("a/sub/other", F_OK));
    ROW(umount("b/sub"));
    ROW(umount("b"));
    ROW(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
    ROW(access("b/sub/in", F_OK));
    ROW(umount("b"));
    ROW(umount("b/sub"));
    ROW(umount("b"));
    ROW(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
    ROW(umount2("b", MNT_DETACH));
    ROW(access("b/sub", F_OK));
    ROW(umount("a/sub"));
    ROW(mount("f", "m", NULL, MS_BIND, NULL));
    ROW(mount("a", "f", NULL, MS_BIND, NULL));
    ROW(make("g", "other"));
    ROW(mount("g", "f", NULL, MS_BIND, NULL));
    ROW(open("f", O_RDONLY));
    ROW(read(3, name, 10));
    close(3);
    ROW(unlink("f"));
    ROW(umount("f"));
    ROW(mount("none", "b", NULL, MS_BIND, NULL));
    ROW(mount(NULL, "b", NULL, MS_BIND, NULL));
    ROW(mount("", "b", NULL, MS_BIND, NULL));
}

static void moved(void)
{
    ROW(mount("none", "a", "tmpfs", 0, NULL));
    ROW(mount(NULL, "a", NULL, MS_PRIVATE, NULL));
    ROW(mkdir("a/x", 0755));
    ROW(mount("a", "b", NULL, MS_MOVE, NULL));
    ROW(access("a/x", F_OK));
    ROW(access("b/x", F_OK));
    ROW(mount("b", "b/x", NULL, MS_MOVE, NULL));
    ROW(mount("b/x", "a", NULL, MS_MOVE, NULL));
    ROW(mount("b", "f", NULL, MS_MOVE, NULL));
    ROW(umount("b"));
}

int main(void)
{
    work_in("mounts");
    /* Where mounts are shared, one's own would be seen by others, and may not be moved. */
    if (unshare(CLONE_NEWNS) && errno != ENOSYS && errno != EINVAL) return 1;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    new_ones();
    flags();
    bound();
    moved();
    rmdir("m");
    unlink("f");
    unlink("g");
    rmdir("a/sub/deep");
    rmdir("a/sub");
    rmdir("a");
    rmdir("b");
    leave("mounts");
    return 0;
}
