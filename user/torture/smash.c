/* Overwrites all of its stack from the top down, its own frame too, and goes on. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/random.h"

#define STACK_END (1ul << 38)

int main(void)
{
    struct random dice = {SEED};

    for (volatile uint64_t *at = (volatile uint64_t *)at_address(STACK_END);;) {
        *--at = random_next(&dice);
    }
}
