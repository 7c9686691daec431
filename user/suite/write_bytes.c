/* The console takes bytes: characters in two halves, and what is no text at all. */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

/* One Chinese character, its first `before` bytes at the end of a page. */
static void write_across(unsigned before)
{
    static const char text[] = "[\xe9\xa1\xb5]\n";
    char *at = (char *)AT + PAGE - 1 - before;

    memcpy(at, text, sizeof(text) - 1);
    expect_equal(write(1, at, sizeof(text) - 1), sizeof(text) - 1);
}

int main(void)
{
    static const char junk[] = "<\xff\xfe\x80\xc0\xaf\xed\xa0\x80\xf8>\n";

    expect_equal(mmap(AT + PAGE, PAGE, MAP_READ | MAP_WRITE), 0);
    *at_address(AT + PAGE) = 1;
    expect_equal(mmap(AT, PAGE, MAP_READ | MAP_WRITE), 0);
    for (unsigned before = 0; before <= 3; before++) {
        write_across(before);
    }
    expect_equal(write(1, "\xe9", 1), 1);
    expect_equal(write(1, "\xa1\xb5\n", 3), 3);
    expect_equal(write(1, junk, sizeof(junk) - 1), sizeof(junk) - 1);
    return passed();
}
