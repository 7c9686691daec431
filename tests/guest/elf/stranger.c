/*
 * A program that knows nothing of us: linked by whatever script, it expects to find its
 * constants, its data and its zeros. Exit code 0: all were there.
 */
#include "call.h"

enum { ZEROS = 10000 };

static const char constant[] = NAME " is here\n";
static volatile int data = 1962;
static volatile char zeros[ZEROS];
static const char *volatile pointer = constant;

void _start(void);
void _start(void)
{
    if (data != 1962) leave(1);
    for (int i = 0; i < ZEROS; i++) {
        if (zeros[i] != 0) leave(2);
    }
    for (int i = 0; i < ZEROS; i++) {
        zeros[i] = (char)data++;
    }
    say(pointer);
    leave(0);
}
