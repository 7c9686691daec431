/* See host_side.h. */
#define _GNU_SOURCE
#include "fs/host_side.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static bool on_tmpfs;
static int outside = -1; /* the root that was ours before */

static long result(long n) { return n < 0 ? -errno : n; }

bool host_enter(void)
{
    static char shm[] = "/dev/shm/filesXXXXXX", tmp[] = "/tmp/filesXXXXXX";
    struct statfs fs;
    char *dir = mkdtemp(shm);

    signal(SIGPIPE, SIG_IGN); /* EPIPE says it */
    if (!dir) dir = mkdtemp(tmp);
    outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!dir || chdir(dir)) return false;
    int here = open(".", O_RDONLY | O_DIRECTORY);
    on_tmpfs = here >= 0 && fstatfs(here, &fs) == 0 && fs.f_type == 0x01021994;
    /* The last one out has nobody to remove it: it is unlinked while it is the root. */
    if (chroot(".")) {
        rmdir(dir);
        return false;
    }
    close(here);
    return chdir("/") == 0 && chmod("/", 0755) == 0;
}

/* In a child: back to where programs are, with the directory as the working one. */
static void run_mkfs(int image)
{
    char name[32];
    int here = open("/", O_RDONLY | O_DIRECTORY);

    snprintf(name, sizeof(name), "/proc/self/fd/%d", image);
    if (fchdir(outside) || chroot(".") || fchdir(here)) _exit(1);
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    execlp("mkfs.erofs", "mkfs.erofs", "-x-1", name, ".", NULL);
    _exit(1);
}

void *host_make_image(size_t *size)
{
    int image = memfd_create("image", 0), status = 1;
    struct stat st;
    void *bytes = NULL;
    pid_t child = fork();

    if (child == 0) run_mkfs(image);
    if (waitpid(child, &status, 0) == child && status == 0 && fstat(image, &st) == 0) {
        *size = (size_t)st.st_size;
        bytes = malloc(*size);
        if (pread(image, bytes, *size, 0) != st.st_size) {
            free(bytes);
            bytes = NULL;
        }
    }
    close(image);
    return bytes;
}

bool host_is_tmpfs(void) { return on_tmpfs; }

/* Of this thread alone, as the file system judges: capabilities of files go and come with it. */
void host_become(uint32_t uid)
{
    setfsgid(uid);
    setfsuid(uid);
}

int host_open(const char *path, unsigned flags, uint32_t mode)
{
    return (int)result(open(path, (int)flags | O_CLOEXEC, mode));
}

int host_close(int fd) { return (int)result(close(fd)); }

long host_read(int fd, void *buf, size_t len, int64_t pos)
{
    return result(pos < 0 ? read(fd, buf, len) : pread(fd, buf, len, pos));
}

long host_write(int fd, const void *buf, size_t len, int64_t pos)
{
    return result(pos < 0 ? write(fd, buf, len) : pwrite(fd, buf, len, pos));
}

long host_seek(int fd, int64_t offset, int whence)
{
    return result(lseek(fd, offset, whence));
}

int host_ftruncate(int fd, int64_t size) { return (int)result(ftruncate(fd, size)); }

int host_fallocate(int fd, int mode, int64_t offset, int64_t len)
{
    return (int)result(fallocate(fd, mode, offset, len));
}

static void fill(const struct stat *st, struct host_stat *out)
{
    *out = (struct host_stat){.mode = st->st_mode,
                              .nlink = (uint32_t)st->st_nlink,
                              .uid = st->st_uid,
                              .gid = st->st_gid,
                              .ino = st->st_ino,
                              .size = (uint64_t)st->st_size,
                              .mtime = st->st_mtim.tv_sec};
}

int host_fstat(int fd, struct host_stat *out)
{
    struct stat st;

    if (fstat(fd, &st)) return -errno;
    fill(&st, out);
    return 0;
}

int host_stat(const char *path, bool follow, struct host_stat *out)
{
    struct stat st;

    if (fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW)) return -errno;
    fill(&st, out);
    return 0;
}

int host_mkdir(const char *path, uint32_t mode) { return (int)result(mkdir(path, mode)); }

int host_mknod(const char *path, uint32_t mode, uint64_t rdev)
{
    return (int)result(mknod(path, mode, (dev_t)rdev));
}

int host_rmdir(const char *path) { return (int)result(rmdir(path)); }

int host_unlink(const char *path) { return (int)result(unlink(path)); }

int host_rename(const char *from, const char *to, unsigned flags)
{
    return (int)result(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}

int host_link(const char *from, const char *to, bool follow)
{
    return (int)result(
        linkat(AT_FDCWD, from, AT_FDCWD, to, follow ? AT_SYMLINK_FOLLOW : 0));
}

int host_link_file(int fd, const char *to)
{
    return (int)result(linkat(fd, "", AT_FDCWD, to, AT_EMPTY_PATH));
}

int host_symlink(const char *target, const char *path)
{
    return (int)result(symlink(target, path));
}

long host_readlink(const char *path, char *buf, size_t size)
{
    return result(readlink(path, buf, size));
}

int host_chmod(const char *path, uint32_t mode) { return (int)result(chmod(path, mode)); }

int host_chown(const char *path, uint32_t uid, uint32_t gid, bool follow)
{
    return (int)result(
        fchownat(AT_FDCWD, path, uid, gid, follow ? 0 : AT_SYMLINK_NOFOLLOW));
}

int host_truncate(const char *path, int64_t size)
{
    return (int)result(truncate(path, size));
}

/* As the file system user, not the real one: what AT_EACCESS asks. */
int host_access(const char *path, unsigned wanted)
{
    return (int)result(syscall(439 /* faccessat2 */, AT_FDCWD, path, wanted, AT_EACCESS));
}

int host_chdir(const char *path) { return (int)result(chdir(path)); }

long host_getcwd(char *buf, size_t size)
{
    return result(syscall(SYS_getcwd, buf, size));
}

int host_set_mtime(const char *path, int64_t mtime, bool now)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = mtime}};

    if (now) times[0].tv_nsec = times[1].tv_nsec = UTIME_NOW;
    return (int)result(utimensat(AT_FDCWD, path, times, 0));
}

int host_list(const char *path, char *buf, size_t size)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    int n = 0;

    if (!d) return -errno;
    while ((e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name) + 1;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (len > size) break;
        memcpy(buf, e->d_name, len);
        buf += len;
        size -= len;
        n++;
    }
    closedir(d);
    return n;
}
