/* See options.h. */
#include "fs/tmpfs/options.h"

#include "lib/errno.h"
#include "lib/string.h"

/* Digits of `base` at the front of [*at, end), which moves on; false if there are none, or they
 * are too many. */
static bool take_number(const char **at, const char *end, unsigned base, uint64_t *out)
{
    const char *begin = *at;
    uint64_t n = 0;

    while (*at < end && **at >= '0' && (unsigned)(**at - '0') < base) {
        if (__builtin_mul_overflow(n, base, &n)) return false;
        if (__builtin_add_overflow(n, (uint64_t)(**at - '0'), &n)) return false;
        (*at)++;
    }
    *out = n;
    return *at > begin;
}

/* k, m or g behind a number. */
static bool take_unit(const char **at, const char *end, uint64_t *n)
{
    static const char units[] = "kmg";

    if (*at == end) return true;
    const char *unit = strchr(units, **at | 0x20);
    if (!unit || !*unit) return false;
    (*at)++;
    return !__builtin_mul_overflow(*n, 1ul << 10 * (unit - units + 1), n);
}

/* size=: bytes, or a part of all. */
static int parse_size(const char *at, const char *end, uint64_t all, uint64_t *npages)
{
    uint64_t n;

    if (!take_number(&at, end, 10, &n)) return -EINVAL;
    if (at < end && *at == '%') {
        if (n > 100 || at + 1 != end) return -EINVAL;
        *npages = all / 100 * n;
        return 0;
    }
    if (!take_unit(&at, end, &n) || at != end) return -EINVAL;
    *npages = n / PAGE_SIZE + (n % PAGE_SIZE != 0);
    return 0;
}

static int parse_count(const char *at, const char *end, uint64_t *out)
{
    uint64_t n;

    if (!take_number(&at, end, 10, &n) || !take_unit(&at, end, &n)) return -EINVAL;
    if (at != end) return -EINVAL;
    *out = n;
    return 0;
}

static int parse_mode(const char *at, const char *end, uint32_t *out)
{
    uint64_t n;

    if (!take_number(&at, end, 8, &n) || at != end || n > 07777) return -EINVAL;
    *out = (uint32_t)n;
    return 0;
}

static bool is_key(const char *word, const char *value, const char *key)
{
    return (size_t)(value - word) == strlen(key) && memcmp(word, key, strlen(key)) == 0;
}

/* The word [word, end), whose value begins at `value`. */
static int parse_word(const char *word, const char *value, const char *end, uint64_t all,
                      struct tmpfs_options *out)
{
    uint64_t unused;

    if (is_key(word, value, "size=")) return parse_size(value, end, all, &out->npages);
    if (is_key(word, value, "nr_blocks=")) return parse_count(value, end, &out->npages);
    if (is_key(word, value, "nr_inodes=")) return parse_count(value, end, &out->inodes);
    if (is_key(word, value, "mode=")) return parse_mode(value, end, &out->mode);
    if (is_key(word, value, "uid=")) return parse_count(value, end, &unused);
    if (is_key(word, value, "gid=")) return parse_count(value, end, &unused);
    return is_key(word, value, "huge=") ? 0 : -EINVAL;
}

int tmpfs_options_parse(const char *words, uint64_t all, struct tmpfs_options *out)
{
    for (const char *word = words; *word;) {
        const char *end = word, *value = NULL;
        while (*end && *end != ',') {
            if (*end == '=' && !value) value = end + 1;
            end++;
        }
        if (end > word) {
            int err = value ? parse_word(word, value, end, all, out) : -EINVAL;
            if (err) return err;
        }
        word = *end ? end + 1 : end;
    }
    return 0;
}
