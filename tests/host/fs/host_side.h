/*
 * The same calls, made to the Linux that the tests run on. Plain numbers in and out, so that
 * neither side's headers meet the other's; flags are the ABI's, which x86-64 and RISC-V
 * share for all that is used here. Results are the call's, or a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_stat {
    uint32_t mode, nlink, uid, gid;
    uint64_t ino, size;
    int64_t mtime;
};

/* A directory of its own becomes the root of this process, until its end. False: it may not. */
bool host_enter(void);
/* An EROFS image of all that is in it, by mkfs.erofs: a buffer to be freed, or NULL. */
void *host_make_image(size_t *size);
/* Is it a tmpfs? Others count directories' links in their own ways. */
bool host_is_tmpfs(void);
/* User `uid` without capabilities, or 0 with all. */
void host_become(uint32_t uid);

int host_open(const char *path, unsigned flags, uint32_t mode);
int host_close(int fd);
long host_read(int fd, void *buf, size_t len, int64_t pos); /* pos -1: the file's own */
long host_write(int fd, const void *buf, size_t len, int64_t pos); /* likewise */
long host_seek(int fd, int64_t offset, int whence);
int host_ftruncate(int fd, int64_t size);
int host_fallocate(int fd, int mode, int64_t offset, int64_t len);
int host_fstat(int fd, struct host_stat *out);
int host_mkdir(const char *path, uint32_t mode);
int host_mknod(const char *path, uint32_t mode, uint64_t rdev);
int host_rmdir(const char *path);
int host_unlink(const char *path);
int host_rename(const char *from, const char *to, unsigned flags);
int host_link(const char *from, const char *to, bool follow);
int host_link_file(int fd, const char *to);
int host_symlink(const char *target, const char *path);
long host_readlink(const char *path, char *buf, size_t size);
int host_stat(const char *path, bool follow, struct host_stat *out);
int host_chmod(const char *path, uint32_t mode);
int host_chown(const char *path, uint32_t uid, uint32_t gid, bool follow);
int host_truncate(const char *path, int64_t size);
int host_access(const char *path, unsigned wanted);
int host_chdir(const char *path);
long host_getcwd(char *buf, size_t size);
int host_set_mtime(const char *path, int64_t mtime, bool now);
/* Names but "." and "..", each with a NUL behind it, unsorted; how many. */
int host_list(const char *path, char *buf, size_t size);
