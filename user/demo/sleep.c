/* Three seconds of the millisecond clock, asleep by giving way. */
#include "lib/calls.h"
#include "lib/print.h"

int main(void)
{
    long end = get_time() + 3000;

    while (get_time() < end) {
        yield();
    }
    print("Test sleep OK!\n");
    return 0;
}
