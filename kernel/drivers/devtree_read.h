/*
 * Reading single properties of a flattened tree, for the devtree_*.c files.
 */
#pragma once

#include "drivers/devtree.h"
#include "drivers/fdt.h"

/* The cells of one address and of one size in the reg of a node's children. */
struct cells {
    unsigned address, size;
};

/* False if the node has cells that we do not read: addresses of 1 or 2, sizes of 0 to 2. */
must_check bool node_cells(const void *fdt, int node, struct cells *out);

/* The number that `n` (0 to 2) cells hold. */
uint64_t read_cells(const fdt32_t *at, unsigned n);

/* The `index`th (address, size) of a reg. False if there is none: the property ends. */
must_check bool node_reg(const void *fdt, int node, struct cells cells, unsigned index,
                         uint64_t *address, uint64_t *size);

/* Cell `index` of a property. False if it is not that long or not there. */
must_check bool node_cell(const void *fdt, int node, const char *name, unsigned index,
                          uint32_t *out);

/* A property of one or two cells. */
must_check bool node_number(const void *fdt, int node, const char *name, uint64_t *out);

/* A string property that is ended, or NULL; its length without the end. */
const char *node_string(const void *fdt, int node, const char *name, size_t *len);

/* Has the node a status other than "okay"? */
bool node_disabled(const void *fdt, int node);

/* [address, address + size) if that is not empty, does not wrap and lies below 2^56. */
must_check bool phys_range_of(uint64_t address, uint64_t size, struct phys_range *out);

/* devtree_harts.c: fills in harts and timebase. Interrupt controllers of harts go to `intc`. */
void devtree_read_harts(struct devtree *dt, const void *fdt, uint32_t intc[MAX_HARTS]);

/* devtree_devices.c: fills in the devices. */
void devtree_read_devices(struct devtree *dt, const void *fdt,
                          const uint32_t intc[MAX_HARTS]);
