/*
 * The device tree, from a blob of bytes to struct devtree.
 *
 *     blob --> fdt_check_full --> RAM --> reserved --> harts --> devices --> chosen
 *              (bounds, nesting)   |         |
 *                                  +---------+--> sorted lists of page ranges
 *
 * Firmware is trusted no more than a file: a tree may be cut short, contradict itself
 * or come from a loader with bugs. So the whole structure is checked against the
 * blob's size before anything in it is used, every number is checked before it is
 * kept, and what makes no sense is left out with a line in the log. Only what the
 * kernel cannot run without (RAM, a hart, a timebase) makes the parse fail.
 *
 * Rounding favours safety: RAM shrinks to whole pages, reserved ranges grow to them.
 * If reserved ranges do not fit into their list, neighbours are joined: then some
 * memory is lost, but none is used that was not ours.
 *
 * devtree_harts.c and devtree_devices.c read these two parts, devtree_read.c single
 * properties. Nothing here allocates, and nothing points into the blob afterwards.
 */
#include "drivers/devtree.h"

#include "drivers/devtree_read.h"
#include "lib/errno.h"
#include "lib/log.h"

static struct phys_ranges ram_list(struct devtree *dt)
{
    return (struct phys_ranges){dt->ram, &dt->nram, DEVTREE_RAM};
}

static struct phys_ranges reserved_list(struct devtree *dt)
{
    return (struct phys_ranges){dt->reserved, &dt->nreserved, DEVTREE_RESERVED};
}

static void add_ram(struct devtree *dt, uint64_t address, uint64_t size)
{
    struct phys_range r;

    if (!phys_range_of(address, size, &r)) {
        log_warn("device tree: RAM at %#lx of %#lx bytes makes no sense; ignored",
                 address, size);
        return;
    }
    r = (struct phys_range){pa_ceil(r.start), pa_floor(r.end)};
    if (r.start.raw >= r.end.raw) return;
    if (phys_ranges_overlap(ram_list(dt), r)) {
        log_warn("device tree: RAM at %#lx is there twice; ignored", address);
    } else if (!phys_ranges_add(ram_list(dt), r)) {
        log_warn("device tree: RAM at %#lx is one bank too many; ignored", address);
    }
}

static bool is_memory(const void *fdt, int node)
{
    size_t len;
    const char *type = node_string(fdt, node, "device_type", &len);

    return type && strcmp(type, "memory") == 0 && !node_disabled(fdt, node);
}

static void read_ram(struct devtree *dt, const void *fdt)
{
    uint64_t address, size;
    struct cells cells;
    int node;

    if (!node_cells(fdt, 0, &cells)) return;
    fdt_for_each_subnode(node, fdt, 0)
    {
        if (!is_memory(fdt, node)) continue;
        for (unsigned i = 0; node_reg(fdt, node, cells, i, &address, &size); i++) {
            add_ram(dt, address, size);
        }
    }
}

void devtree_reserve(struct devtree *dt, struct phys_range range)
{
    struct phys_range r = {pa_floor(range.start), pa_ceil(range.end)};

    if (r.start.raw < r.end.raw) phys_ranges_add_joining(reserved_list(dt), r);
}

static void reserve(struct devtree *dt, uint64_t address, uint64_t size)
{
    struct phys_range r;

    if (phys_range_of(address, size, &r)) devtree_reserve(dt, r);
}

/* Children of /reserved-memory without a reg ask for memory anywhere; nobody here gives it. */
static void read_reserved(struct devtree *dt, const void *fdt)
{
    uint64_t address, size;
    struct cells cells;
    int node;

    for (int i = fdt_num_mem_rsv(fdt) - 1; i >= 0; i--) {
        if (fdt_get_mem_rsv(fdt, i, &address, &size) == 0) reserve(dt, address, size);
    }
    int parent = fdt_path_offset(fdt, "/reserved-memory");
    if (parent < 0 || !node_cells(fdt, parent, &cells)) return;
    fdt_for_each_subnode(node, fdt, parent)
    {
        for (unsigned i = 0; node_reg(fdt, node, cells, i, &address, &size); i++) {
            reserve(dt, address, size);
        }
    }
}

static void read_initrd(struct devtree *dt, const void *fdt, int chosen)
{
    uint64_t start, end;
    struct phys_range r;

    if (!node_number(fdt, chosen, "linux,initrd-start", &start) ||
        !node_number(fdt, chosen, "linux,initrd-end", &end)) {
        return;
    }
    if (end <= start || !phys_range_of(start, end - start, &r) ||
        !phys_ranges_cover(ram_list(dt), r)) {
        log_warn("device tree: the initrd at %#lx..%#lx is not in RAM; ignored", start,
                 end);
        return;
    }
    dt->initrd = r;
    devtree_reserve(dt, r);
}

static void read_chosen(struct devtree *dt, const void *fdt)
{
    int chosen = fdt_path_offset(fdt, "/chosen");
    size_t len;
    int seed_len;

    if (chosen < 0) return;
    read_initrd(dt, fdt, chosen);

    const char *args = node_string(fdt, chosen, "bootargs", &len);
    if (args) {
        if (len >= DEVTREE_BOOTARGS) {
            log_warn("device tree: the command line is cut to %u bytes",
                     DEVTREE_BOOTARGS - 1);
            len = DEVTREE_BOOTARGS - 1;
        }
        memcpy(dt->bootargs, args, len);
    }
    const void *seed = fdt_getprop(fdt, chosen, "rng-seed", &seed_len);
    if (seed && seed_len > 0) {
        dt->rng_seed_len =
            (unsigned)seed_len < DEVTREE_RNG_SEED ? (unsigned)seed_len : DEVTREE_RNG_SEED;
        memcpy(dt->rng_seed, seed, dt->rng_seed_len);
    }
}

static int refuse(struct devtree *dt, int err, const char *why)
{
    dt->error = why;
    return err;
}

static int check(struct devtree *dt, const void *blob, size_t limit)
{
    if ((uintptr_t)blob % 8 != 0) {
        return refuse(dt, -EINVAL, "the device tree is not aligned to 8 bytes");
    }
    switch (fdt_check_full(blob, limit)) {
    case 0:
        return 0;
    case -FDT_ERR_BADMAGIC:
        return refuse(dt, -EINVAL, "there is no device tree: wrong magic number");
    case -FDT_ERR_BADVERSION:
        return refuse(dt, -EINVAL,
                      "the device tree has a version that libfdt cannot read");
    case -FDT_ERR_TRUNCATED:
        return refuse(dt, -EINVAL,
                      "the device tree is cut short or larger than its limit");
    default:
        return refuse(dt, -EINVAL, "the device tree is damaged");
    }
}

int devtree_parse(struct devtree *dt, const void *blob, size_t limit, paddr_t blob_pa)
{
    uint32_t intc[MAX_HARTS];

    memset(dt, 0, sizeof(*dt));
    int err = check(dt, blob, limit);
    if (err) return err;

    read_ram(dt, blob);
    if (dt->nram == 0) return refuse(dt, -ENODEV, "the device tree lists no RAM");
    reserve(dt, blob_pa.raw, fdt_totalsize(blob));
    read_reserved(dt, blob);
    devtree_read_harts(dt, blob, intc);
    if (dt->nharts == 0)
        return refuse(dt, -ENODEV, "the device tree lists no usable hart");
    if (dt->timebase == 0)
        return refuse(dt, -ENODEV, "the device tree has no timebase-frequency");
    devtree_read_devices(dt, blob, intc);
    read_chosen(dt, blob);
    return 0;
}
