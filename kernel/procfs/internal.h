/* What the files of procfs/ share: shows of one table, and things that processes are held by. */
#pragma once

#include "procfs/facts.h"
#include "procfs/node.h"

struct devtree;
struct fd_table;
struct fs_context;
struct program;

/* Held, or NULL: the process has let go of it, because it is over. */
struct program *process_get_program(struct process *p);
struct fd_table *process_get_files(struct process *p);
struct fs_context *process_get_fs(struct process *p);
/* Of files of descriptors and programs: where a magic link leads. The file is put. */
int follow_file(struct file *f, struct path *out);
/* What such a link shows, as `target` of an entry. */
long describe_path(struct path p, char *buf, size_t size);

/* Adds what memory_facts has of mappings by kind, for which all mappings are looked at. */
void facts_add_sizes(struct process *p, struct facts *f);

/* Tables of directories. */
extern const struct proc_directory sys_directory, fd_directory, fdinfo_directory;

/* process_files.c's, for the root: processes as numbers. */
unsigned list_processes(const struct subject *s, int from, int *out);
bool has_process(const struct subject *s, int number, uint32_t *mode);
extern const struct proc_entry process_entry;

/* system.c */
void system_files_init(const struct devtree *dt);
int show_meminfo(const struct subject *s, struct text *t);
int show_uptime(const struct subject *s, struct text *t);
int show_loadavg(const struct subject *s, struct text *t);
int show_stat(const struct subject *s, struct text *t);
int show_vmstat(const struct subject *s, struct text *t);
int show_version(const struct subject *s, struct text *t);
int show_cpuinfo(const struct subject *s, struct text *t);
int show_devices(const struct subject *s, struct text *t);
int show_cmdline(const struct subject *s, struct text *t);

/* mounts.c: as the process sees them. */
int show_mounts(const struct subject *s, struct text *t);
int show_mountinfo(const struct subject *s, struct text *t);

/* process_memory.c */
int show_process_cmdline(const struct subject *s, struct text *t);
int show_environ(const struct subject *s, struct text *t);
int show_auxv(const struct subject *s, struct text *t);
int show_maps(const struct subject *s, struct text *t);
int show_smaps(const struct subject *s, struct text *t);
int show_smaps_rollup(const struct subject *s, struct text *t);
int open_memory(const struct subject *s, struct file *f);
