/*
 * A buffer whose last byte cannot be read is not written at all, however much of it could
 * have been. The console must show none of the characters below.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

enum { PAGES = 4 };

int main(void)
{
    static const size_t sizes[] = {1, 100, 4096, 4097, PAGES * PAGE};

    expect_equal(mmap(AT, PAGES * PAGE, MAP_READ | MAP_WRITE), 0);
    memset((void *)AT, '#', PAGES * PAGE);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        expect_equal(write(1, (void *)(AT + PAGES * PAGE - sizes[i]), sizes[i] + 1), -1);
    }
    expect_equal(write(1, (void *)AT, 1ul << 40), -1);
    return passed();
}
