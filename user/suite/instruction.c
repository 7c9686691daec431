/* One instruction that is not for programs, or that does not exist. */
#include "lib/print.h"

int main(void)
{
    __asm__ volatile(INSTRUCTION ::: "memory", "a0", "fa0");
    fail("it was executed");
}
