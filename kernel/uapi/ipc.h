/* The Linux ABI of System V shared memory (linux/ipc.h, linux/shm.h, asm-generic/shmbuf.h). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

enum { IPC_PRIVATE = 0, IPC_CREAT = 01000, IPC_EXCL = 02000 };
enum { IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3 };

enum { SHM_HUGETLB = 04000, SHM_NORESERVE = 010000 }; /* shmget */
enum { SHM_RDONLY = 010000, SHM_RND = 020000, SHM_REMAP = 040000, SHM_EXEC = 0100000 };
enum { SHM_LOCK = 11, SHM_UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15 };
enum { SHM_DEST = 01000, SHM_LOCKED = 02000 }; /* in the mode */

struct ipc_perm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t seq, pad;
    uint64_t unused[2];
};

struct shmid_ds {
    struct ipc_perm perm;
    uint64_t segsz;
    int64_t atime, dtime, ctime;
    int32_t cpid, lpid;
    uint64_t nattch, unused[2];
};
static_assert(sizeof(struct ipc_perm) == 48, "struct ipc64_perm of the ABI");
static_assert(sizeof(struct shmid_ds) == 112, "struct shmid64_ds of the ABI");

struct shminfo {
    uint64_t shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};
struct shm_info {
    int32_t used_ids;
    uint64_t shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};
