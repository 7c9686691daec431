/*
 * Names of RISC-V extensions, and the strings in which harts list them.
 *
 * A set is one word: the single letters take bits 0 to 25, the names below the bits
 * from 26 on. Names that nobody here asks for are not kept.
 *
 *     rv64 imafdch _zicsr _zifencei2p0 _sstc
 *     |    |        |
 *     |    |        names, each after an underscore, with or without a version
 *     |    single letters, with or without versions, up to the first z, s or x
 *     base
 *
 * "su" among the letters was once written for the privilege modes and means nothing.
 * "The RISC-V Instruction Set Manual, Volume I", ISA Extension Naming Conventions,
 * has the grammar. g and b stand for several others.
 */
#include "drivers/devtree_isa.h"

#include "lib/printf.h"
#include "lib/string.h"

enum { FIRST_NAME = 26 };

static const char *const names[] = {
    "zicsr",     "zifencei", "zicntr", "zihpm", "zihintpause", "zicond", "zicbom",
    "zicbop",    "zicboz",   "zawrs",  "zacas", "zabha",       "zba",    "zbb",
    "zbc",       "zbs",      "zbkb",   "zkr",   "zfa",         "zfh",    "sstc",
    "svinval",   "svnapot",  "svpbmt", "svadu", "svade",       "svvptc", "sscofpmf",
    "smstateen", "smaia",    "ssaia",  "ztso",
};
_Static_assert(FIRST_NAME + ARRAY_SIZE(names) <= 64, "a set is one word");

static char lower(char c) { return 'A' <= c && c <= 'Z' ? (char)(c + 'a' - 'A') : c; }
static bool is_digit(char c) { return '0' <= c && c <= '9'; }
static bool is_letter(char c) { return 'a' <= lower(c) && lower(c) <= 'z'; }

/* The length of a version such as "2" or "2p0" at the front of `s`. */
static size_t version_length(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && is_digit(s[n])) {
        n++;
    }
    if (n == 0 || n + 1 >= len || lower(s[n]) != 'p' || !is_digit(s[n + 1])) return n;
    for (n++; n < len && is_digit(s[n]); n++) {
    }
    return n;
}

static bool is_name(const char *name, const char *s, size_t len)
{
    size_t n = strlen(name);

    if (len < n || version_length(s + n, len - n) != len - n) return false;
    for (size_t i = 0; i < n; i++) {
        if (lower(s[i]) != name[i]) return false;
    }
    return true;
}

static uint64_t letter(char c)
{
    uint64_t bit = 1ul << (lower(c) - 'a');

    if (lower(c) == 'g') {
        return bit | letter('i') | letter('m') | letter('a') | letter('f') | letter('d') |
               isa_extension("zicsr", 5) | isa_extension("zifencei", 8);
    }
    if (lower(c) == 'b') {
        return bit | isa_extension("zba", 3) | isa_extension("zbb", 3) |
               isa_extension("zbs", 3);
    }
    return bit;
}

uint64_t isa_extension(const char *name, size_t len)
{
    if (len != 0 && is_letter(name[0]) && version_length(name + 1, len - 1) == len - 1) {
        return letter(name[0]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (is_name(names[i], name, len)) return 1ul << (FIRST_NAME + i);
    }
    return 0;
}

/* The single letters. Returns how much of the string they take. */
static size_t parse_letters(const char *s, size_t len, uint64_t *set)
{
    size_t at = 0;

    while (at < len && is_letter(s[at])) {
        char c = lower(s[at]);
        if (c == 's' && at + 1 < len && lower(s[at + 1]) == 'u') {
            at += 2;
            continue;
        }
        if (c == 'z' || c == 's' || c == 'x') break;
        *set |= letter(c);
        at++;
        at += version_length(s + at, len - at);
    }
    return at;
}

uint64_t isa_parse(const char *isa, size_t len)
{
    uint64_t set = 0;

    if (len < 4 || lower(isa[0]) != 'r' || lower(isa[1]) != 'v' || isa[2] != '6' ||
        isa[3] != '4') {
        return 0;
    }
    for (size_t at = 4 + parse_letters(isa + 4, len - 4, &set); at < len;) {
        size_t start = at;
        while (at < len && isa[at] != '_') {
            at++;
        }
        set |= isa_extension(isa + start, at - start);
        at++;
    }
    return set;
}

size_t isa_format(uint64_t set, uint64_t hidden, char *buf, size_t size)
{
    static const char order[] = "iemafdqlcbkjtpvnh";
    size_t len = printf_buf(buf, size, "rv64");

    set &= ~hidden;
    for (const char *c = order; *c; c++) {
        if (!(set >> (*c - 'a') & 1)) continue;
        len += printf_buf(buf + len, len < size ? size - len : 0, "%c", *c);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (!(set >> (FIRST_NAME + i) & 1)) continue;
        len += printf_buf(buf + len, len < size ? size - len : 0, "_%s", names[i]);
    }
    return len;
}
