/* Any bytes as a command line: values are strings, questions have answers. */
// sources: kernel/lib/cmdline.c
#include "lib/cmdline.h"

#include "lib/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const char *key)
{
    const char *value = cmdline_get(key);
    uint64_t n;

    if (value) assert(strlen(value) < CMDLINE_BYTES);
    if (cmdline_flag(key)) assert(value);
    if (cmdline_number(key, &n) == 0) {
        uint64_t same;
        assert(cmdline_size(key, &same) == 0 && same == n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    cmdline_parse(text);
    ask("loglevel");
    ask("n");
    ask("");
    text[strcspn(text, " =")] = 0;
    ask(text);
    free(text);
    return 0;
}
