/*
 * Flags to letters and back. The letters stand here once, lowest bit first.
 */
#include "demo/flags.h"

static const char letters_low_first[] = "VRWXUGAD";
enum { LETTERS = sizeof(letters_low_first) - 1 };

static unsigned flag_of(char c)
{
    for (unsigned bit = 0; bit < LETTERS; bit++) {
        char upper = letters_low_first[bit];
        if (c == upper || c == upper - 'A' + 'a') return 1u << bit;
    }
    return 0;
}

unsigned sv39_flags_parse(const char *letters)
{
    unsigned flags = 0;

    for (const char *c = letters; *c; c++) {
        flags |= flag_of(*c);
    }
    return flags;
}

struct sv39_flags_text sv39_flags_print(unsigned flags)
{
    struct sv39_flags_text out = {{0}};

    for (unsigned bit = 0; bit < LETTERS; bit++) {
        out.text[LETTERS - 1 - bit] = flags & 1u << bit ? letters_low_first[bit] : '_';
    }
    return out;
}
