/*
 * Reading single properties. The tree has passed fdt_check_full(), so offsets lie
 * inside the blob; lengths and values are still anybody's.
 */
#include "drivers/devtree_read.h"

enum { PA_BITS = 56 }; /* of every RISC-V translation */

bool node_cells(const void *fdt, int node, struct cells *out)
{
    int address = fdt_address_cells(fdt, node);
    int size = fdt_size_cells(fdt, node);

    if (address < 1 || address > 2 || size < 0 || size > 2) return false;
    *out = (struct cells){(unsigned)address, (unsigned)size};
    return true;
}

uint64_t read_cells(const fdt32_t *at, unsigned n)
{
    uint64_t value = 0;

    while (n--) {
        value = value << 32 | fdt32_to_cpu(*at++);
    }
    return value;
}

/* A property as cells, and how many whole ones it has. */
static const fdt32_t *cells_of_property(const void *fdt, int node, const char *name,
                                        unsigned *n)
{
    int len;
    const fdt32_t *at = fdt_getprop(fdt, node, name, &len);

    *n = at && len > 0 ? (unsigned)len / sizeof(fdt32_t) : 0;
    return at;
}

bool node_reg(const void *fdt, int node, struct cells cells, unsigned index,
              uint64_t *address, uint64_t *size)
{
    unsigned n, each = cells.address + cells.size;
    const fdt32_t *at = cells_of_property(fdt, node, "reg", &n);

    if (index >= n / each) return false;
    at += (size_t)index * each;
    *address = read_cells(at, cells.address);
    *size = read_cells(at + cells.address, cells.size);
    return true;
}

bool node_cell(const void *fdt, int node, const char *name, unsigned index, uint32_t *out)
{
    unsigned n;
    const fdt32_t *at = cells_of_property(fdt, node, name, &n);

    if (index >= n) return false;
    *out = fdt32_to_cpu(at[index]);
    return true;
}

bool node_number(const void *fdt, int node, const char *name, uint64_t *out)
{
    unsigned n;
    const fdt32_t *at = cells_of_property(fdt, node, name, &n);

    if (n != 1 && n != 2) return false;
    *out = read_cells(at, n);
    return true;
}

const char *node_string(const void *fdt, int node, const char *name, size_t *len)
{
    int size;
    const char *s = fdt_getprop(fdt, node, name, &size);

    if (!s || size <= 0) return NULL;
    *len = strnlen(s, (size_t)size);
    return *len < (size_t)size ? s : NULL;
}

bool node_disabled(const void *fdt, int node)
{
    size_t len;
    const char *status = node_string(fdt, node, "status", &len);

    return status && strcmp(status, "okay") != 0 && strcmp(status, "ok") != 0;
}

bool phys_range_of(uint64_t address, uint64_t size, struct phys_range *out)
{
    uint64_t limit = 1ul << PA_BITS;

    if (size == 0 || address >= limit || size > limit - address) return false;
    *out = (struct phys_range){PA(address), PA(address + size)};
    return true;
}
