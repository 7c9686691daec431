/*
 * The kernel command line, cut into words once.
 *
 *     loglevel=debug halt        what the boot loader gave
 *     loglevel\0debug\0halt\0\0  our copy
 *     ^         ^      ^     ^
 *     key       value  key   value (empty)
 *
 * The line comes from outside, so it may be anything: too long, unbalanced quotes,
 * bytes that are no characters. Whatever it is, keys and values are strings inside the
 * copy. Removing quotes only ever shortens a word, and every word is followed by a
 * separator whose place its end may take; a word without `=` needs a second zero
 * byte, for its empty value, and points at its own end instead.
 *
 * Locking: none. Written once, at boot, by the only hart that runs.
 */
#include "lib/cmdline.h"

#include "lib/errno.h"
#include "lib/string.h"

static struct {
    char text[CMDLINE_BYTES];
    struct word {
        const char *key;
        const char *value;
    } words[CMDLINE_WORDS];
    unsigned count;
    const char *arguments[CMDLINE_WORDS];
    unsigned narguments;
} line;

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Ends the word at `p` with a zero byte and drops its quotes. Returns what follows it. */
static char *cut_word(char *p)
{
    char *to = p;
    bool quoted = false;

    for (; *p && (quoted || !is_space(*p)); p++) {
        if (*p == '"') {
            quoted = !quoted;
        } else {
            *to++ = *p;
        }
    }
    if (*p) p++;
    *to = 0;
    return p;
}

static void add_word(char *word)
{
    char *equals = strchr(word, '=');
    char *value = equals ? equals + 1 : word + strlen(word);

    if (equals) *equals = 0;
    if (*word == 0) return;
    line.words[line.count++] = (struct word){word, value};
}

void cmdline_parse(const char *text)
{
    size_t len = strnlen(text, CMDLINE_BYTES - 1);
    char *p = line.text;

    memcpy(line.text, text, len);
    line.text[len] = 0;
    line.count = line.narguments = 0;
    for (bool keys = true; line.count < CMDLINE_WORDS;) {
        while (is_space(*p)) {
            p++;
        }
        if (*p == 0) return;
        char *word = p;
        p = cut_word(p);
        if (keys && strcmp(word, "--") == 0) {
            keys = false;
        } else if (keys) {
            add_word(word);
        } else if (line.narguments < CMDLINE_WORDS) {
            line.arguments[line.narguments++] = word;
        }
    }
}

const char *cmdline_get(const char *key)
{
    for (unsigned i = line.count; i-- > 0;) {
        if (strcmp(line.words[i].key, key) == 0) return line.words[i].value;
    }
    return NULL;
}

const char *cmdline_argument(unsigned i)
{
    return i < line.narguments ? line.arguments[i] : NULL;
}

bool cmdline_flag(const char *key)
{
    static const char *const off[] = {"0", "off", "no", "false"};
    const char *value = cmdline_get(key);

    if (!value) return false;
    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        if (strcmp(value, off[i]) == 0) return false;
    }
    return true;
}

/* The value of a digit, or 16 for what is none. */
static unsigned digit(char c)
{
    if ('0' <= c && c <= '9') return (unsigned)(c - '0');
    if ('a' <= c && c <= 'f') return (unsigned)(c - 'a') + 10;
    if ('A' <= c && c <= 'F') return (unsigned)(c - 'A') + 10;
    return 16;
}

/* The number at the front of *s, which moves past it. */
static must_check int read_number(const char **s, uint64_t *out)
{
    const char *p = *s;
    bool hexadecimal = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    unsigned base = hexadecimal ? 16 : 10;
    uint64_t n = 0;

    if (hexadecimal) p += 2;
    if (digit(*p) >= base) return -EINVAL;
    for (; digit(*p) < base; p++) {
        if (__builtin_mul_overflow(n, (uint64_t)base, &n)) return -EINVAL;
        if (__builtin_add_overflow(n, (uint64_t)digit(*p), &n)) return -EINVAL;
    }
    *s = p;
    *out = n;
    return 0;
}

int cmdline_number(const char *key, uint64_t *out)
{
    const char *s = cmdline_get(key);
    uint64_t n;

    if (!s) return -ENOENT;
    int err = read_number(&s, &n);
    if (err) return err;
    if (*s) return -EINVAL;
    *out = n;
    return 0;
}

int cmdline_size(const char *key, uint64_t *out)
{
    static const char units[] = "KkMmGgTt";
    const char *s = cmdline_get(key);
    uint64_t n;

    if (!s) return -ENOENT;
    int err = read_number(&s, &n);
    if (err) return err;
    const char *unit = *s ? strchr(units, *s) : NULL;
    if (unit) {
        uint64_t scale = 1ul << (10 * ((unit - units) / 2 + 1));
        if (__builtin_mul_overflow(n, scale, &n)) return -EINVAL;
        s++;
    }
    if (*s) return -EINVAL;
    *out = n;
    return 0;
}
