/*
 * Any bytes as an archive. The first byte says how: as they are, or as instructions for an
 * archive that is almost right, since chance alone finds no header of 13 numbers.
 */
// sources: kernel/lib/cpio.c
#include "lib/cpio.h"

#include "lib/assert.h"
#include "lib/errno.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 16, STEP = 8 };

static char made[ROOM];

/* One entry for eight bytes: its sizes, how they lie, and a byte that is damaged. */
static size_t put_entry(size_t at, const uint8_t step[STEP])
{
    static const char *const names[] = {"a", "dir/file", "TRAILER!!!", ""};
    const char *name = names[step[0] % 4];
    size_t name_size = strlen(name) + 1 + (step[0] & 4 ? step[1] : 0);
    size_t size = step[2];
    uint32_t lie = step[3] & 1 ? 0x01010101u * step[4] : 0;
    int header =
        sprintf(made + at, "070701%048x%08x%032x%08x%08x", 7u, (uint32_t)size + lie, 7u,
                (uint32_t)name_size + (step[3] & 2 ? lie : 0), 0u);

    size_t data = (at + (size_t)header + name_size + 3) & ~3ul;
    strcpy(made + at + header, name);
    if (step[5] & 1) made[at + step[6]] = (char)step[7];
    return (data + size + 3) & ~3ul;
}

static size_t make_archive(const uint8_t *data, size_t size)
{
    size_t at = 0;

    memset(made, 0, sizeof(made));
    for (; size >= STEP && at + 1024 < ROOM; size -= STEP, data += STEP) {
        at = put_entry(at, data);
    }
    return at > size ? at - size : at; /* what is left over cuts the end off */
}

static void read_to_the_end(const void *bytes, size_t size)
{
    const char *start = bytes;
    struct cpio archive = cpio_open(bytes, size);
    struct cpio_entry entry;
    const char *before = start;
    unsigned sum = 0;
    int err;

    while ((err = cpio_next(&archive, &entry)) == 0) {
        assert(entry.name > before && strlen(entry.name) > 0);
        for (size_t i = 0; i < entry.size; i++) {
            sum += ((const uint8_t *)entry.data)[i];
        }
        before = entry.name;
    }
    assert(err == -ENOENT || err == -EINVAL);
    assert(cpio_next(&archive, &entry) == err);
    assert(before - start + sum != 1); /* what was read is used */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool raw = size > 0 && data[0] & 1;
    size_t length = raw ? size - 1 : make_archive(data + !!size, size - !!size);
    char *copy = malloc(length ? length : 1);

    memcpy(copy, raw ? (const char *)data + 1 : made, length);
    read_to_the_end(copy, length);
    free(copy);
    return 0;
}
