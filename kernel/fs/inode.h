/*
 * A file, whatever its kind and however many names it has.
 *
 * An inode belongs to a file system, which keeps its own part around it (container_of) and
 * says by inode_ops what can be done. The generic part holds the attributes, and for regular
 * files the memory object that is its contents: read, write and mmap use the same pages
 * (fs/pagecache.h).
 *
 * Locks: inode.lock (mutex) guards the attributes, the size, and for a directory its names.
 *
 *     rename lock        one rename between directories at a time (fs/rename.c)
 *       directories      an ancestor before who is below it, else the lower address first
 *         the file       or the directory that goes with its name
 *           locks of the memory object, spinlocks
 *
 * A page fault takes none of these, so a program's memory may be touched with them held.
 * Attributes are single words: whoever only looks at one reads it without the lock
 * (inode_read_*), and whoever changes one stores it whole.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/list.h"
#include "sched/mutex.h"
#include "sync/grace.h"

struct cred;
struct dentry;
struct file;
struct file_locks;
struct inode;
struct object;
struct path;

enum inode_kind {
    INODE_REGULAR,
    INODE_DIRECTORY,
    INODE_SYMLINK,
    INODE_CHAR,
    INODE_BLOCK,
    INODE_FIFO,
    INODE_SOCKET,
};

/* S_IF* of a kind. */
uint32_t inode_kind_mode(enum inode_kind kind);
/* The kind of a mode with S_IF*; false if there is none such. */
must_check bool inode_kind_of(uint32_t mode, enum inode_kind *out);

/* struct timespec, as a number of nanoseconds since 1970. */
typedef int64_t file_time_t;

/* The wall clock, once there is one; at first NULL, and it is 1970. Set at boot. */
extern file_time_t (*file_clock)(void);
static inline file_time_t file_now(void) { return file_clock ? file_clock() : 0; }

/* Set at boot by whoever knows processes: should the calling thread stop waiting, because
 * a signal came? NULL: never. Who hears yes returns -ERESTARTSYS. */
extern bool (*file_wait_interrupted)(void);
static inline bool file_interrupted(void)
{
    return file_wait_interrupted && file_wait_interrupted();
}

/*
 * A file system. Its mounts and inodes hold it; the dentries of one that keeps names in
 * memory are its own, and go with the last mount.
 */
struct file_system {
    const struct file_system_ops *ops;
    struct dentry *root; /* NULL once the last mount has gone */
    uint64_t device;     /* st_dev */
    uint32_t magic;      /* statfs f_type */
    uint32_t refs;       /* atomic: inodes, mounts, and whoever made it */
    uint32_t mounts;     /* under the lock of the tree (fs/path.h) */
    bool read_only;
    bool forgetful; /* names stay only while they are in use, but for INODE_LASTING; none
                     * can be made */
    void *data;
};

struct fs_statistics {
    uint64_t blocks, free_blocks, inodes, free_inodes;
    uint32_t block_size, name_max;
};

struct file_system_ops {
    void (*statistics)(struct file_system *fs, struct fs_statistics *out);
    /* In memory: may this inode's file have one page more? 0 or -ENOSPC. NULL: always. */
    int (*charge)(struct inode *i);
    void (*uncharge)(struct inode *i, uint64_t npages);
    /* The last mount has gone: lets go of inodes that it holds itself. May be NULL. */
    void (*unmounted)(struct file_system *fs);
    /* No mount and no inode is left. */
    void (*destroy)(struct file_system *fs);
};

/* One reference, the caller's; a device number of its own. */
void file_system_init(struct file_system *fs, const struct file_system_ops *ops,
                      uint32_t magic);
void file_system_get(struct file_system *fs);
void file_system_put(struct file_system *fs);

/* What readdir calls for each name; false: the caller has enough, and this one comes again.
 * `next` is the cookie of what comes behind. */
typedef bool (*emit_fn)(void *arg, const char *name, size_t len, uint64_t ino,
                        enum inode_kind kind, uint64_t next);

/*
 * All may sleep. Directory operations are called with the locks of the directories held, and of
 * the file that loses or gets a name; existence and permission have been seen to. An
 * operation that is NULL is -EPERM (names), -EINVAL (others), as Linux answers for such files.
 * What fails has changed nothing.
 */
struct inode_ops {
    /* The inode of a name that the dentry cache does not know, with a reference; -ENOENT.
     * NULL: the dentries are the directory. */
    int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **out);
    /* Is what the dentry cache knows of this name still true? NULL: always. No lock held. */
    bool (*valid)(struct dentry *d);
    /* A new file of `mode` (kind and permissions, by inode_new_mode()) under d, a negative dentry
     * of dir. */
    int (*create)(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                  const struct cred *who);
    /* A regular file without a name: O_TMPFILE. NULL: -EOPNOTSUPP. */
    int (*create_nameless)(struct inode *dir, uint32_t mode, const struct cred *who,
                           struct inode **out);
    int (*symlink)(struct inode *dir, struct dentry *d, const char *target,
                   const struct cred *who);
    int (*link)(struct inode *dir, struct dentry *d, struct inode *target);
    /* `d` goes from dir; its inode, if this was its last name, once nobody holds it. */
    int (*unlink)(struct inode *dir, struct dentry *d);
    int (*rmdir)(struct inode *dir, struct dentry *d);
    /* flags: RENAME_NOREPLACE and RENAME_EXCHANGE have been seen to. `to` may have an inode;
     * if so, and it is not an exchange, it goes as by unlink or rmdir. */
    int (*rename)(struct inode *from_dir, struct dentry *from, struct inode *to_dir,
                  struct dentry *to, unsigned flags);
    /* Entries from cookie `from` on (2: the first), "." and ".." not among them. */
    int (*readdir)(struct inode *dir, struct dentry *d, uint64_t from, emit_fn emit,
                   void *arg);
    /* At most `size` bytes of the target, without a NUL; how many. No lock held. */
    long (*readlink)(struct inode *i, char *buf, size_t size);
    /* Where a link leads that no text can say (/proc/self/fd/1): held. May be NULL. */
    int (*follow)(struct inode *i, struct path *out);
    /* Generic attributes have been changed; a file system that stores them does so. May be NULL. */
    int (*changed)(struct inode *i);
    /* Regular files: the new size; i->lock held. NULL: -EINVAL. */
    int (*resize)(struct inode *i, uint64_t size);
    /* Completes a file that is being opened: sets f->ops. NULL: the generic ones of its kind.
     * No lock held. O_TRUNC in f->flags: of a regular file nothing will be left. */
    int (*open)(struct inode *i, struct file *f);
    /* Nobody refers to it any more, and nobody maps it. Frees it; the file system is let go by
     * the caller. */
    void (*destroy)(struct inode *i);
};

enum inode_flags {
    INODE_LINKABLE = 1, /* has no name, and may get one (O_TMPFILE) */
    INODE_SEALABLE = 2, /* takes seals (fs/seals.h) */
    INODE_LASTING = 4,  /* its name stays, although its file system is forgetful */
};

struct inode {
    const struct inode_ops *ops;
    struct file_system *fs; /* held */
    uint64_t ino;
    uint32_t refs;     /* atomic */
    uint8_t kind;      /* enum inode_kind; set once */
    uint8_t flags;     /* enum inode_flags; under lock */
    uint64_t rdev;     /* of devices; set once */
    struct mutex lock; /* the rest, words that are read without it too */

    uint32_t mode; /* permissions and S_ISUID, S_ISGID, S_ISVTX; without the kind */
    uint32_t uid, gid;
    uint32_t nlink; /* 0: gone from the tree; a directory then takes no names */
    uint64_t size;
    file_time_t atime, mtime, ctime;
    uint32_t seals;       /* fs/seals.h */
    struct object *pages; /* regular files with contents: inode_pages() */
    union {
        struct {
            void *special; /* of a fifo or socket that is in use: what is behind it */
            struct file_locks
                *locks; /* flock(2), fcntl(2); under the lock of fs/locks.c */
        };
        struct grace grace; /* when it goes */
    };
};

/* One reference and one name (a directory has two); times are now, owner 0. */
void inode_init(struct inode *i, const struct inode_ops *ops, struct file_system *fs,
                enum inode_kind kind, uint32_t mode);
void inode_get(struct inode *i);
void inode_put(struct inode *i);
/* For an inode with pages: its object has been destroyed, after the last reference. */
void inode_destroy(struct inode *i);
/* The last that inode_ops.destroy() does: its memory, which begins with it, goes after a grace
 * period, since walks look at it without holding it. */
void inode_free(struct inode *i);

static inline bool inode_is(const struct inode *i, enum inode_kind kind)
{
    return i->kind == kind;
}

/* The contents. They are others from some moment on where a file that lies below another file
 * system is written to (fs/overlay); what they were stays as long as the inode does. So look once. */
static inline struct object *inode_pages(const struct inode *i)
{
    return __atomic_load_n(&i->pages, __ATOMIC_ACQUIRE);
}

/* Words of an inode, without its lock. */
static inline uint64_t inode_read_size(const struct inode *i)
{
    return __atomic_load_n(&i->size, __ATOMIC_ACQUIRE);
}
static inline void inode_set_size(struct inode *i, uint64_t size)
{
    __atomic_store_n(&i->size, size, __ATOMIC_RELEASE);
}
static inline uint32_t inode_read(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static inline void inode_write(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* The times become now. */
enum inode_times { TIME_ATIME = 1, TIME_MTIME = 2, TIME_CTIME = 4 };
static inline void inode_touch(struct inode *i, unsigned times)
{
    file_time_t now = file_now();

    if (times & TIME_ATIME) __atomic_store_n(&i->atime, now, __ATOMIC_RELAXED);
    if (times & TIME_MTIME) __atomic_store_n(&i->mtime, now, __ATOMIC_RELAXED);
    if (times & TIME_CTIME) __atomic_store_n(&i->ctime, now, __ATOMIC_RELAXED);
}

/* What access(2) asks for. */
enum inode_access { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };

/* May `who` do what is wanted? 0, -EACCES, or -EROFS where the file system has no writing. What is not
 * writing, and permitted to everybody, needs no look at who asks. */
must_check int inode_permission_of(const struct inode *i, unsigned wanted,
                                   const struct cred *who);
static inline bool inode_permits_all(const struct inode *i, unsigned wanted)
{
    uint32_t mode = inode_read(&i->mode);

    return !(wanted & ~(mode & mode >> 3 & mode >> 6 & (MAY_READ | MAY_EXEC)));
}
must_check static inline int inode_permission(const struct inode *i, unsigned wanted,
                                              const struct cred *who)
{
    return likely(inode_permits_all(i, wanted)) ? 0 : inode_permission_of(i, wanted, who);
}
/* Is `who` the owner, or as good as? */
bool inode_owned(const struct inode *i, const struct cred *who);
/* What of `mode` (with S_IF*) a new file in dir gets, and which group: set-group-ID directories
 * pass theirs on. */
uint32_t inode_new_mode(const struct inode *dir, uint32_t mode, uint32_t umask,
                        const struct cred *who);
uint32_t inode_new_group(const struct inode *dir, const struct cred *who);
