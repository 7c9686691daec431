/* The counters, which a kernel may keep from programs or not. */
#include "lib/calls.h"
#include "lib/print.h"

int main(void)
{
    uint64_t time, cycle, instret;

    __asm__ volatile("rdtime %0" : "=r"(time));
    __asm__ volatile("rdcycle %0" : "=r"(cycle));
    __asm__ volatile("rdinstret %0" : "=r"(instret));
    print("%s: time %lu, cycle %lu, instret %lu\n", PROGRAM, time, cycle, instret);
    return 0;
}
