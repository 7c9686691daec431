/* An instruction that only a kernel may execute, and is killed for it. */
#include "lib/calls.h"
#include "lib/print.h"

int main(void)
{
    print("Try to %s in U Mode\n", ATTEMPT);
    print("Kernel should kill this application!\n");
    __asm__ volatile(INSTRUCTION ::: "memory");
    fail("the kernel let it pass");
}
