/*
 * The Linux ABI of mount(2) and umount2(2) (linux/mount.h, linux/fs.h).
 */
#pragma once

#define MS_RDONLY      0x1u
#define MS_NOSUID      0x2u
#define MS_NODEV       0x4u
#define MS_NOEXEC      0x8u
#define MS_REMOUNT     0x20u
#define MS_BIND        0x1000u
#define MS_MOVE        0x2000u
#define MS_REC         0x4000u
#define MS_SILENT      0x8000u
#define MS_UNBINDABLE  0x20000u
#define MS_PRIVATE     0x40000u
#define MS_SLAVE       0x80000u
#define MS_SHARED      0x100000u
#define MS_PROPAGATION (MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED)
/* What old programs put into the upper half. */
#define MS_MAGIC      0xc0ed0000u
#define MS_MAGIC_MASK 0xffff0000u

#define MNT_FORCE       1u
#define MNT_DETACH      2u
#define UMOUNT_NOFOLLOW 8u
