/* See story.h. */
#include "model/story.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STORY_SECONDS = 60 };

bool story_ends_well(void (*tell)(void))
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(STORY_SECONDS);
        tell();
        fflush(stdout);
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}
