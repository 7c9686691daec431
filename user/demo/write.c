/* Five rows of one letter, giving way after each: rows of several programs mix. */
#include "lib/calls.h"
#include "lib/print.h"

enum { WIDTH = 10, HEIGHT = 5 };

int main(void)
{
    char row[WIDTH + 1];

    for (int i = 0; i < WIDTH; i++) {
        row[i] = LETTER;
    }
    row[WIDTH] = 0;
    for (int i = 1; i <= HEIGHT; i++) {
        print("%s [%d/%d]\n", row, i, HEIGHT);
        yield();
    }
    print("Test %s OK!\n", PROGRAM);
    return 0;
}
