/* One call after another, as fast as it goes. */
#include "lib/calls.h"
#include "lib/print.h"

int main(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        FLOOD;
    }
    return 0;
}
