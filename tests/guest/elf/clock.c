/* Says when it begins and when three seconds have passed, by the kernel's clock, and how
 * many ticks they were of the hardware's. */
#include "call.h"

static unsigned long ticks(void)
{
    unsigned long n;

    __asm__ volatile("rdtime %0" : "=r"(n));
    return n;
}

static void say_number(unsigned long n)
{
    char digits[24] = "";
    char *at = digits + sizeof(digits) - 1;

    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    say(at);
}

void _start(void);
void _start(void)
{
    say("begin\n");
    unsigned long began = ticks();
    long end = now() + MS;
    while (now() < end) {
        call(124, 0, 0, 0);
    }
    unsigned long took = ticks() - began;
    say("end\n");
    say_number(took);
    say(" ticks\n");
    leave(0);
}
