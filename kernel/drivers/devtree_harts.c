/*
 * Harts: the cpu nodes below /cpus that are not disabled, in the order of the tree.
 */
#include "drivers/devtree_isa.h"
#include "drivers/devtree_read.h"
#include "lib/log.h"

/* The newer property is a list of names, the older one string; a tree may have both. */
static uint64_t read_extensions(const void *fdt, int node)
{
    uint64_t set = 0;
    size_t len;
    const char *isa = node_string(fdt, node, "riscv,isa", &len);

    if (isa) set = isa_parse(isa, len);
    for (int i = 0;; i++) {
        int name_len;
        const char *name =
            fdt_stringlist_get(fdt, node, "riscv,isa-extensions", i, &name_len);
        if (!name) return set;
        set |= isa_extension(name, (size_t)name_len);
    }
}

static uint32_t read_va_bits(const void *fdt, int node)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } types[] = {{"riscv,sv39", 39}, {"riscv,sv48", 48}, {"riscv,sv57", 57}};
    size_t len;
    const char *type = node_string(fdt, node, "mmu-type", &len);

    for (unsigned i = 0; type && i < ARRAY_SIZE(types); i++) {
        if (strcmp(type, types[i].name) == 0) return types[i].bits;
    }
    return 0;
}

/* The phandle of the hart's own interrupt controller, 0 if it has none. */
static uint32_t read_intc(const void *fdt, int cpu)
{
    int node;

    fdt_for_each_subnode(node, fdt, cpu)
    {
        if (fdt_node_check_compatible(fdt, node, "riscv,cpu-intc") == 0) {
            return fdt_get_phandle(fdt, node);
        }
    }
    return 0;
}

static bool is_usable_cpu(const void *fdt, int node)
{
    size_t len;
    const char *type = node_string(fdt, node, "device_type", &len);

    return type && strcmp(type, "cpu") == 0 && !node_disabled(fdt, node);
}

static bool is_listed(const struct devtree *dt, uint64_t hartid)
{
    for (unsigned i = 0; i < dt->nharts; i++) {
        if (dt->harts[i].hartid == hartid) return true;
    }
    return false;
}

static void read_hart(struct devtree *dt, const void *fdt, int node, struct cells cells,
                      uint32_t intc[MAX_HARTS])
{
    uint64_t hartid, nothing;

    if (!node_reg(fdt, node, cells, 0, &hartid, &nothing) || is_listed(dt, hartid)) {
        log_warn("device tree: a cpu without a number of its own; ignored");
        return;
    }
    if (dt->nharts == MAX_HARTS) {
        log_warn("device tree: hart %lu is one too many; ignored", hartid);
        return;
    }
    struct devtree_hart *h = &dt->harts[dt->nharts];
    *h = (struct devtree_hart){
        .hartid = hartid,
        .extensions = read_extensions(fdt, node),
        .va_bits = read_va_bits(fdt, node),
        .plic_context = -1,
    };
    if (!node_cell(fdt, node, "riscv,cboz-block-size", 0, &h->cboz_block))
        h->cboz_block = 0;
    if (dt->timebase == 0 &&
        !node_number(fdt, node, "timebase-frequency", &dt->timebase)) {
        dt->timebase = 0;
    }
    intc[dt->nharts++] = read_intc(fdt, node);
}

void devtree_read_harts(struct devtree *dt, const void *fdt, uint32_t intc[MAX_HARTS])
{
    int cpus = fdt_path_offset(fdt, "/cpus");
    struct cells cells;
    int node;

    if (cpus < 0 || !node_cells(fdt, cpus, &cells)) return;
    if (!node_number(fdt, cpus, "timebase-frequency", &dt->timebase)) dt->timebase = 0;
    fdt_for_each_subnode(node, fdt, cpus)
    {
        if (is_usable_cpu(fdt, node)) read_hart(dt, fdt, node, cells, intc);
    }
}

bool devtree_hart_has(const struct devtree *dt, unsigned index, const char *name)
{
    uint64_t bit = isa_extension(name, strlen(name));

    assert(bit != 0 && index < dt->nharts);
    return (dt->harts[index].extensions & bit) == bit;
}

bool devtree_all_harts_have(const struct devtree *dt, const char *name)
{
    for (unsigned i = 0; i < dt->nharts; i++) {
        if (!devtree_hart_has(dt, i, name)) return false;
    }
    return true;
}
