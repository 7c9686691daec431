/* See cmdline.h. */
#include "cmdline.h"

#include "lib/string.h"

static const char *line = "";

void cmdline_set(const char *text) { line = text; }

static size_t word_length(const char *s)
{
    size_t n = 0;

    while (s[n] && s[n] != ' ') {
        n++;
    }
    return n;
}

/* The next word at or after `s`, or NULL. */
static const char *next_word(const char *s)
{
    while (*s == ' ') {
        s++;
    }
    return *s ? s : NULL;
}

bool cmdline_has(const char *word)
{
    size_t len = strlen(word);

    for (const char *w = next_word(line); w; w = next_word(w + word_length(w))) {
        if (word_length(w) == len && memcmp(w, word, len) == 0) return true;
    }
    return false;
}

bool cmdline_value(const char *word, char *out, size_t size)
{
    size_t len = strlen(word);
    bool found = false;

    for (const char *w = next_word(line); w; w = next_word(w + word_length(w))) {
        size_t n = word_length(w);
        if (n <= len || memcmp(w, word, len) != 0 || w[len] != '=') continue;
        size_t value = n - len - 1 < size - 1 ? n - len - 1 : size - 1;
        memcpy(out, w + len + 1, value);
        out[value] = 0;
        found = true;
    }
    return found;
}

bool cmdline_is(const char *word, const char *value)
{
    char found[64];

    return cmdline_value(word, found, sizeof(found)) && strcmp(found, value) == 0;
}
