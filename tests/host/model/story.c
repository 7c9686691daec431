/* See story.h. */
#include "model/story.h"

#include "arch/riscv/entry.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STORY_SECONDS = 60 };

static bool ends_well(void (*tell)(void), bool split)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(STORY_SECONDS);
        isolation_split = split;
        tell();
        fflush(stdout);
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

bool story_ends_well(void (*tell)(void))
{
    if (!ends_well(tell, false)) return false;
    if (ends_well(tell, true)) return true;
    printf("(with isolation=split)\n");
    return false;
}
