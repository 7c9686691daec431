/* wait4(2), waitid(2) (linux/wait.h). */
#pragma once

enum {
    WNOHANG = 1,
    WUNTRACED = 2,
    WSTOPPED = 2,
    WEXITED = 4,
    WCONTINUED = 8,
    WNOWAIT = 0x01000000,
};
#define WNOTHREAD 0x20000000u
#define WALL      0x40000000u
#define WCLONE    0x80000000u

enum { P_ALL = 0, P_PID = 1, P_PGID = 2, P_PIDFD = 3 };
