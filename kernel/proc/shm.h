/*
 * System V shared memory: segments with numbers, that programs attach to their memory.
 *
 * A segment is a file without a name (proc/shared_memory.h). It is attached as often as it is mapped:
 * who maps it, and no count, says so. After IPC_RMID it goes with the last who has it attached.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "uapi/ipc.h"

#include <stdbool.h>

struct object;

/* What /proc/sys/kernel/shmmax, shmmin, shmmni and shmall say. */
#define SHM_MAX (~0ul - (1ul << 24))
#define SHM_ALL (~0ul - (1ul << 24))
enum { SHM_MIN = 1, SHM_SEGMENTS = 4096 };

/* shmget(2): the number, -EINVAL, -EEXIST, -ENOENT, -EACCES, -ENOSPC, -ENOMEM. */
must_check int shm_get(int32_t key, uint64_t size, unsigned flags);

/* What of a segment is to be mapped; the object is held. `write`: and not only read. 0, -EINVAL, -EACCES. */
must_check int shm_open(int id, bool write, struct object **object, uint64_t *npages);

/* The object is one of a segment, which has just been attached or let go. False: it is not. */
bool shm_note(const struct object *object, bool attached);

/* shmctl(2). 0, -EINVAL, -EACCES, -EPERM. */
must_check int shm_stat(int id, bool anybody, struct shmid_ds *out);
must_check int shm_set(int id, const struct shmid_ds *from);
must_check int shm_remove(int id);
must_check int shm_lock(int id, bool locked);

/* The used slot that is `from` or more, and its number: -1 if there is none. For IPC_INFO, SHM_STAT and
 * /proc/sysvipc/shm. */
must_check int shm_next(int from, int *id);
/* Segments, their pages, and pages that are there. */
void shm_totals(struct shm_info *out);

/* A program has gone: removed segments that nobody has attached go, too. */
void shm_sweep(void);
