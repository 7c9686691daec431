/*
 * The tree of /proc: tables of entries, and what is found under numbers.
 *
 * An entry says what a name is and how its text, its target or its directory comes about. A
 * directory is a table of entries, and may have numbers as names, too: of processes, tasks or
 * descriptors. A node is an entry together with the numbers on the way to it:
 *
 *     /proc/17/task/18/fd/3       pid 17, tid 18, fd 3
 *     /proc/17/fd/3               pid 17, tid 0, fd 3: tid 0 is the process as a whole
 *     /proc/sys/kernel/ostype     all 0
 *
 * A node names its process, by number and time of birth, and does not hold it: an open
 * file of /proc keeps nobody from going, and then it is -ESRCH. Functions of entries are
 * called with the process held.
 */
#pragma once

#include "fs/file.h"
#include "procfs/text.h"

struct process;

/* What an entry's functions are about. */
struct subject {
    struct process *process; /* held; NULL: the whole system */
    int tid;                 /* 0: the whole process */
    int fd;
    const struct proc_entry *entry;
    const struct cred *who; /* asks: who opened the file, or walks. NULL: the kernel */
};

struct proc_directory;

struct proc_entry {
    const char *name;
    uint32_t mode; /* with S_IF* */
    /* Only for who may look into the process (subject_may_look()): else -EACCES. */
    bool guarded;
    /* Regular files: what is always in them; who writes that again, has changed nothing. */
    const char *text;
    /* Others: see procfs/generated.h. */
    int (*show)(const struct subject *s, struct text *t);
    int (*store)(const struct subject *s, char *line);
    /* And those that are not text: operations of their own; file.data is theirs. */
    int (*open)(const struct subject *s, struct file *f);
    /* Links: at most `size` bytes of what is shown; how many. And where it leads, held; NULL:
     * where the text says. */
    long (*target)(const struct subject *s, char *buf, size_t size);
    int (*follow)(const struct subject *s, struct path *out);
    const struct proc_directory *directory;
};

enum proc_number { NUMBER_NONE, NUMBER_PID, NUMBER_TID, NUMBER_FD };

/* How many numbers one question brings. */
enum { NUMBERS_AT_ONCE = 64 };

struct proc_directory {
    const struct proc_entry *entries; /* up to one without a name; NULL: none */
    enum proc_number number;          /* what numbers as names are */
    const char *prefix;               /* what stands before each: "cpu". NULL: nothing */
    const struct proc_entry *numbered;
    /* The lowest numbers from `from` on, in order: how many, NUMBERS_AT_ONCE at most. */
    unsigned (*list)(const struct subject *s, int from, int *out);
    /* Is there such a number? *mode: permissions, if not the entry's. */
    bool (*has)(const struct subject *s, int number, uint32_t *mode);
};

/* The file system that shows the tree of `root`; one reference. NULL: no memory. */
must_check struct file_system *proc_create(const struct proc_entry *root, uint32_t magic);

/* subject.c: */

/* Which process a node is about, and whose: `hidden` if its files are nobody's but the system's,
 * since it has done what its user may not know (PR_SET_DUMPABLE). */
struct proc_owner {
    uint64_t born;
    uint32_t uid, gid;
    bool hidden;
};
/* The process `pid` that was born then (0: whenever), held, and its owner; NULL: it has gone. */
must_check struct process *subject_find(int pid, uint64_t born, struct proc_owner *out);
void subject_put(struct process *p);
/* Whose thread runs; NULL: the kernel's. */
const struct cred *subject_asker(void);
/* May `who` see what only the process itself knows (ptrace(2), PTRACE_MODE_READ)? */
bool subject_may_look(struct process *p, const struct cred *who);
