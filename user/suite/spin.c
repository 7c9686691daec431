/*
 * Spins for two seconds, from the next half second on, so that all who do so begin
 * together, and prints how far it came: those who share a hart should come equally far.
 */
#include "lib/calls.h"
#include "lib/print.h"

enum { BATCH = 2000 };

int main(void)
{
    long start = (get_time() / 500 + 1) * 500;
    uint64_t count = 0;

    while (get_time() < start) {
        yield();
    }
    while (get_time() < start + 2000) {
        for (unsigned i = 0; i < BATCH; i++) {
            __asm__ volatile("");
        }
        count++;
    }
    print("%s: spin %lu\n", PROGRAM, count);
    return 0;
}
