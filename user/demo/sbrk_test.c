/* The heap grows and shrinks; what was given back is gone, and using it is fatal. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

int main(void)
{
    print("Test sbrk start.\n");
    long origin = sbrk(0);
    print("origin break point = %lx\n", origin);

    expect_equal(sbrk(PAGE), origin);
    expect_equal(sbrk(0), origin + PAGE);
    print("one page allocated,  break point = %lx\n", sbrk(0));
    print("try write to allocated page\n");
    memset((void *)origin, 1, PAGE);
    for (int i = 0; i < PAGE; i++) {
        expect_equal(*at_address((uint64_t)origin + (uint64_t)i), 1);
    }
    print("write ok\n");

    expect_equal(sbrk(10 * PAGE), origin + PAGE);
    print("10 page allocated,  break point = %lx\n", sbrk(0));
    expect_equal(sbrk(0), origin + 11 * PAGE);

    expect_equal(sbrk(-11 * PAGE), origin + 11 * PAGE);
    print("11 page DEALLOCATED,  break point = %lx\n", sbrk(0));
    expect_equal(sbrk(0), origin);

    print("try DEALLOCATED more one page, should be failed.\n");
    expect_equal(sbrk(-PAGE), -1);
    expect_equal(sbrk(0), origin);

    print("Test sbrk almost OK!\n");
    print("now write to deallocated page, should cause page fault.\n");
    *at_address((uint64_t)origin) = 2;
    fail("a deallocated page can be written");
}
