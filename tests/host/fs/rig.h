/*
 * What tests of files share: a machine with a tmpfs as its root, somebody who walks in it, and
 * at the end the question whether everything has been given back.
 */
#pragma once

#include "fake/machine.h"
#include "fs/attributes.h"
#include "fs/cred.h"
#include "fs/file.h"
#include "fs/path.h"
#include "test.h"

/* Mounts a tmpfs of `npages` frames (0: no limit) with `inodes` files. */
void rig_begin_limited(uint64_t npages, uint64_t inodes);
void rig_begin(void);
/* Mounts what `make` makes. */
void rig_begin_on(struct file_system *(*make)(void));
/* Unmounts it: no byte of the heap and no frame is missing, else false. */
bool rig_end(void);

/* The walker: user 0 in "/", until a test says otherwise. */
extern struct walk_env rig_env;
extern struct cred rig_user; /* user 1000, group 1000, no capabilities */
/* `who` walks from now on. */
void rig_become(struct cred *who);

/* Shorthands; results as those of the calls they are named after. */
int rig_mkdir(const char *path);
int rig_touch(const char *path); /* an empty file, which must not be there */
int rig_write(const char *path, const char *text);
/* The whole file, as a string in a buffer of the rig's; NULL if it cannot be read. */
const char *rig_read(const char *path);
int rig_open(const char *path, unsigned flags, struct file **out);
int rig_symlink(const char *target, const char *path);
int rig_link(const char *from, const char *to);
int rig_unlink(const char *path);
int rig_rmdir(const char *path);
int rig_rename(const char *from, const char *to, unsigned flags);
int rig_stat(const char *path, struct attributes *out); /* no link is followed */
bool rig_there(const char *path);
long rig_file_write(struct file *f, const void *bytes, size_t len);
long rig_file_read(struct file *f, void *bytes, size_t len);
int rig_chdir(const char *path);

/* Names of a directory, sorted, with a space between. */
const char *rig_list(const char *path);
