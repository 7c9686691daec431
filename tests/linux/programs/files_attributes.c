/* Attributes: shown by stat(2), changed by chmod, chown, utimensat, truncate. */
#include "rows.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>

static void show(const char *path)
{
    struct stat s;

    if (fstatat(AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW)) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return;
    }
    printf("%s: mode %o nlink %lu uid %u gid %u size %ld blocks %ld blksize %ld\n", path,
           s.st_mode, (unsigned long)s.st_nlink, s.st_uid, s.st_gid,
           S_ISDIR(s.st_mode) ? 0 : (long)s.st_size, (long)s.st_blocks,
           (long)s.st_blksize);
    fflush(stdout);
}

static void stats(void)
{
    struct stat s;
    struct statx x;

    ROW(make("f", "some text"));
    show("f");
    ROW(mkdir("d", 0777));
    ROW(chmod("d", 01777));
    show("d");
    ROW(symlink("f", "l"));
    show("l");
    ROW(stat("none", &s));
    ROW(stat("", &s));
    ROW(stat("f/", &s));
    ROW(fstatat(AT_FDCWD, "f", &s, 1 << 20));
    ROW(fstatat(AT_FDCWD, "", &s, AT_EMPTY_PATH));
    ROW(S_ISDIR(s.st_mode));
    ROW(fstatat(77, "", &s, AT_EMPTY_PATH));
    ROW(fstatat(77, "f", &s, 0));
    ROW(fstat(77, &s));
    ROW(open("f", O_RDONLY));
    ROW(fstat(3, &s));
    ROW(s.st_size);
    ROW(fstatat(3, "", &s, AT_EMPTY_PATH));
    ROW(s.st_size);
    ROW(fstatat(3, "", &s, 0));
    ROW(fstatat(3, "x", &s, AT_EMPTY_PATH));
    ROW(syscall(SYS_fstat, 3, NOWHERE));
    ROW(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, NOWHERE));
    ROW(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
    printf("statx %d size %llu mode %o nlink %u\n",
           (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, x.stx_size, x.stx_mode,
           x.stx_nlink);
    ROW(syscall(SYS_statx, AT_FDCWD, "f", 1 << 20, STATX_BASIC_STATS, &x));
    ROW(syscall(SYS_statx, AT_FDCWD, "f", 0, 1u << 31, &x));
    ROW(syscall(SYS_statx, AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &x));
    ROW(syscall(SYS_statx, 3, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
    ROW(x.stx_size);
    ROW(syscall(SYS_statx, AT_FDCWD, "none", 0, STATX_BASIC_STATS, &x));
    ROW(stat("/dev/null", &s));
    ROW(s.st_rdev == makedev(1, 3));
    close(3);
}

static void owned(void)
{
    struct stat s;

    ROW(chmod("f", 06755));
    show("f");
    ROW(chmod("f", 0100600));
    show("f");
    ROW(chmod("l", 0640));
    show("f");
    show("l");
    ROW(fchmodat(AT_FDCWD, "none", 0600, 0));
    ROW(syscall(452, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
    ROW(syscall(452, AT_FDCWD, "f", 0644, 1 << 20));
    ROW(syscall(452, AT_FDCWD, "f", 0644, 0));
    ROW(open("f", O_RDWR));
    ROW(fchmod(3, 04711));
    show("f");
    ROW(fchown(3, 1000, -1));
    show("f");
    ROW(fchown(3, -1, 1001));
    show("f");
    ROW(lchown("l", 7, 8));
    show("l");
    ROW(fchownat(3, "", 0, 0, AT_EMPTY_PATH));
    show("f");
    ROW(fchownat(3, "", 0, 0, 0));
    ROW(fchownat(AT_FDCWD, "f", 0, 0, 5));
    ROW(chmod("f", 06755));
    ROW(write(3, "x", 1));
    show("f");
    fflush(stdout);
    if (fork() == 0) {
        if (setgid(1000) || setuid(1000)) exit(1);
        ROW(chmod("f", 0777));
        ROW(chown("f", 1000, 1000));
        ROW(open("f", O_RDWR));
        ROW(access("f", R_OK));
        ROW(access("f", W_OK));
        ROW(access(".", W_OK));
        ROW(unlink("f"));
        ROW(mkdir("x", 0777));
        ROW(open("d/mine", O_RDWR | O_CREAT, 06777));
        ROW(chown("d/mine", 1001, -1));
        ROW(chown("d/mine", -1, 1001));
        ROW(chown("d/mine", 1000, 1000));
        show("d/mine");
        ROW(chmod("d/mine", 06755));
        ROW(write(4, "x", 1));
        show("d/mine");
        ROW(rename("d/mine", "d/yours"));
        ROW(mknod("d/n", S_IFCHR | 0666, makedev(1, 3)));
        ROW(mknod("d/p", S_IFIFO | 0666, 0));
        ROW(chroot("d"));
        ROW(link("f", "d/g"));
        exit(0);
    }
    wait(NULL);
    ROW(stat("d/yours", &s) || s.st_uid);
    ROW(unlink("d/yours"));
    ROW(unlink("d/p"));
    close(3);
}

static void accesses(void)
{
    ROW(chmod("f", 0));
    ROW(access("f", F_OK));
    ROW(access("f", R_OK | W_OK));
    ROW(access("f", X_OK));
    ROW(access("f", 8));
    ROW(access("none", F_OK));
    ROW(access("d", X_OK));
    ROW(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 1 << 20));
    ROW(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
    ROW(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
    ROW(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
    ROW(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, 0));
    ROW(chmod("f", 0644));
}

static void show_times(const char *path)
{
    struct stat s;

    if (lstat(path, &s)) exit(1);
    printf("%s: %ld.%09ld %ld.%09ld\n", path, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec,
           (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    fflush(stdout);
}

static int set_times(const char *path, long as, long an, long ms, long mn, int flags)
{
    struct timespec t[2] = {{as, an}, {ms, mn}};

    return utimensat(AT_FDCWD, path, t, flags);
}

static void times(void)
{
    struct timespec t[2] = {{5, 6}, {7, 8}};
    struct stat s;

    ROW(set_times("f", 1, 2, 3, 4, 0));
    show_times("f");
    ROW(set_times("f", 0, UTIME_OMIT, -3, 999999999, 0));
    show_times("f");
    ROW(set_times("l", 10, 20, 30, 40, AT_SYMLINK_NOFOLLOW));
    show_times("l");
    show_times("f");
    ROW(set_times("f", 1, 1000000000, 3, 4, 0));
    ROW(set_times("f", 1, -1, 3, 4, 0));
    ROW(set_times("none", 0, UTIME_OMIT, 0, UTIME_OMIT, 0));
    ROW(set_times("none", 1, 1, 1, 1, 0));
    ROW(set_times("f", 1, 1, 1, 1, 1 << 20));
    ROW(utimensat(AT_FDCWD, "f", NOWHERE, 0));
    ROW(syscall(SYS_utimensat, AT_FDCWD, NULL, t, 0));
    ROW(open("f", O_RDONLY));
    ROW(futimens(3, t));
    show_times("f");
    ROW(syscall(SYS_utimensat, 3, NULL, t, AT_SYMLINK_NOFOLLOW));
    ROW(syscall(SYS_utimensat, 77, NULL, t, 0));
    ROW(set_times("f", 0, UTIME_NOW, 5, 5, 0));
    ROW(stat("f", &s) || labs(time(NULL) - s.st_atime) < 100);
    ROW(utimensat(AT_FDCWD, "f", NULL, 0));
    ROW(stat("f", &s) || labs(time(NULL) - s.st_mtime) < 100);
    close(3);
}

static void sizes(void)
{
    struct stat s;
    char bytes[16];

    ROW(truncate("f", 5000));
    show("f");
    ROW(truncate("f", 3));
    show("f");
    ROW(truncate("f", -1));
    ROW(truncate("d", 3));
    ROW(truncate("none", 3));
    ROW(truncate("/dev/null", 3));
    ROW(open("f", O_RDONLY));
    ROW(ftruncate(3, 3));
    ROW(fallocate(3, 0, 0, 10));
    close(3);
    ROW(open("f", O_RDWR));
    ROW(ftruncate(3, -1));
    ROW(ftruncate(3, 8));
    ROW(pread(3, bytes, 16, 0));
    ROW(memcmp(bytes, "xom\0\0\0\0\0", 8));
    ROW(fallocate(3, 0, 4096, 8192));
    show("f");
    ROW(fallocate(3, FALLOC_FL_KEEP_SIZE, 0, 20000));
    ROW(fallocate(3, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192));
    ROW(fstat(3, &s) || s.st_size);
    ROW(fallocate(3, FALLOC_FL_PUNCH_HOLE, 0, 8192));
    ROW(fallocate(3, 0, -1, 8192));
    ROW(fallocate(3, 0, 0, 0));
    ROW(fallocate(3, 1 << 20, 0, 10));
    ROW(fallocate(3, 0, LONG_MAX, 1));
    ROW(fallocate(77, 0, 0, 1));
    ROW(fsync(3));
    ROW(fdatasync(3));
    ROW(syncfs(3));
    ROW(sync_file_range(3, 0, 10, 0));
    ROW(sync_file_range(3, -1, 10, 0));
    ROW(sync_file_range(3, 0, 10, 99));
    ROW(posix_fadvise(3, 0, 0, POSIX_FADV_WILLNEED));
    ROW(posix_fadvise(3, 0, 0, 99));
    ROW(posix_fadvise(3, 0, -1, 0));
    ROW(readahead(3, 0, 10));
    close(3);
    ROW(open("f", O_WRONLY));
    ROW(readahead(3, 0, 10));
    close(3);
    int p[2];
    ROW(pipe(p));
    ROW(fsync(p[0]));
    ROW(ftruncate(p[1], 0));
    ROW(fallocate(p[1], 0, 0, 1));
    ROW(posix_fadvise(p[0], 0, 0, 0));
    ROW(sync_file_range(p[1], 0, 10, 0));
    ROW(fchmod(p[1], 0640));
    ROW(fstat(p[1], &s) || S_ISFIFO(s.st_mode));
    close(p[0]);
    close(p[1]);
}

static void systems(void)
{
    struct statfs s;
    char value[8];

    ROW(statfs(".", &s));
    printf("type %lx bsize %ld namelen %ld\n", (long)s.f_type, (long)s.f_bsize,
           (long)s.f_namelen);
    ROW(statfs("none", &s));
    ROW(statfs(".", NOWHERE));
    ROW(open("f", O_RDONLY));
    ROW(fstatfs(3, &s));
    ROW(s.f_type == 0x01021994);
    ROW(fstatfs(77, &s));
    ROW(getxattr("none", "user.x", value, 8));
    ROW(getxattr("f", "", value, 8));
    ROW(listxattr("none", value, 8));
    ROW(fgetxattr(77, "user.x", value, 8));
    close(3);
}

int main(void)
{
    work_in("files_attributes");
    stats();
    owned();
    accesses();
    times();
    sizes();
    systems();
    unlink("f");
    unlink("l");
    rmdir("d");
    leave("files_attributes");
    return 0;
}
