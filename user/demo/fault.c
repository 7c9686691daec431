/* Reads or writes address 0, and is killed for it. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

int main(void)
{
#ifdef ANNOUNCE
    print("\n%s APP running...\n\n", PROGRAM);
#endif
    print("Into Test %s_fault, we will insert an invalid %s operation...\n", ACCESS,
          ACCESS);
    print("Kernel should kill this application!\n");
    if (ACCESS[0] == 'l') {
        (void)*at_address(0);
    } else {
        *at_address(0) = 1;
    }
    fail("address 0 can be used");
}
