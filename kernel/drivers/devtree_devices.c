/*
 * Devices: one walk over the whole tree, looking at `compatible`.
 *
 * The address in a device's reg is one of the bus it sits on. A bus says in `ranges`
 * how its addresses appear one level up; an empty ranges means unchanged, none at all
 * means that the CPU cannot reach them. The walk keeps the chain of buses above the
 * current node:
 *
 *     depth 0   /            addresses of the CPU
 *     depth 1   /soc         ranges: soc -> /
 *     depth 2   /soc/uart    reg: an address of soc
 */
#include "drivers/devtree_read.h"
#include "lib/log.h"

enum { MAX_DEPTH = 8, SUPERVISOR_EXTERNAL = 9 };

struct bus {
    int node;
    bool readable; /* has cells that we read */
    struct cells cells;
};

struct walk {
    struct devtree *dt;
    const void *fdt;
    const uint32_t *intc;
    int console;               /* the node of stdout-path, negative if none */
    struct bus bus[MAX_DEPTH]; /* bus[d]: the node at depth d above the current one */
};

/* One step up, from the children of bus[depth] to its own level. */
static bool translate_once(const struct walk *w, int depth, uint64_t *address,
                           uint64_t size)
{
    const struct bus *bus = &w->bus[depth];
    unsigned parent_cells = w->bus[depth - 1].cells.address;
    unsigned each = bus->cells.address + parent_cells + bus->cells.size;
    int len;
    const fdt32_t *at = fdt_getprop(w->fdt, bus->node, "ranges", &len);

    if (!at) return false;
    if (len == 0) return true;
    for (unsigned n = (unsigned)len / sizeof(fdt32_t) / each; n != 0; n--, at += each) {
        uint64_t from = read_cells(at, bus->cells.address);
        uint64_t to = read_cells(at + bus->cells.address, parent_cells);
        uint64_t span =
            read_cells(at + bus->cells.address + parent_cells, bus->cells.size);
        if (*address >= from && *address - from < span &&
            size <= span - (*address - from)) {
            *address = *address - from + to;
            return true;
        }
    }
    return false;
}

/* The first registers and interrupt of the node at `depth`. */
static bool read_device(const struct walk *w, int node, int depth,
                        struct devtree_device *out)
{
    uint64_t address, size;

    for (int d = 0; d < depth; d++) {
        if (!w->bus[d].readable) return false;
    }
    if (!node_reg(w->fdt, node, w->bus[depth - 1].cells, 0, &address, &size))
        return false;
    for (int d = depth - 1; d > 0; d--) {
        if (!translate_once(w, d, &address, size)) return false;
    }
    if (!phys_range_of(address, size, &out->regs)) return false;
    if (!node_cell(w->fdt, node, "interrupts", 0, &out->irq)) out->irq = 0;
    return true;
}

static bool is(const struct walk *w, int node, const char *compatible)
{
    return fdt_node_check_compatible(w->fdt, node, compatible) == 0;
}

static void found_uart(struct walk *w, int node, const struct devtree_device *dev)
{
    struct devtree_uart u = {.dev = *dev};

    if (devtree_device_present(&w->dt->uart.dev) && node != w->console) return;
    if (!node_cell(w->fdt, node, "reg-shift", 0, &u.reg_shift)) u.reg_shift = 0;
    if (!node_cell(w->fdt, node, "reg-io-width", 0, &u.io_width)) u.io_width = 1;
    bool width_known = u.io_width == 1 || u.io_width == 2 || u.io_width == 4;
    if (!width_known || u.reg_shift > 8 || dev->regs.start.raw % u.io_width != 0 ||
        u.io_width > 1u << u.reg_shift ||
        phys_range_size(dev->regs) < 8ul << u.reg_shift) {
        log_warn("device tree: no way to reach the registers of a serial port; ignored");
        return;
    }
    w->dt->uart = u;
}

/* A PLIC lists, context by context, the hart and the interrupt that it raises there. */
static void found_plic(struct walk *w, int node, const struct devtree_device *dev)
{
    struct devtree *dt = w->dt;
    uint32_t intc, interrupt;

    if (devtree_device_present(&dt->plic)) return;
    dt->plic = *dev;
    if (!node_cell(w->fdt, node, "riscv,ndev", 0, &dt->plic_sources))
        dt->plic_sources = 0;
    for (unsigned context = 0;
         node_cell(w->fdt, node, "interrupts-extended", 2 * context, &intc) &&
         node_cell(w->fdt, node, "interrupts-extended", 2 * context + 1, &interrupt);
         context++) {
        for (unsigned i = 0; i < dt->nharts; i++) {
            if (interrupt == SUPERVISOR_EXTERNAL && intc != 0 && w->intc[i] == intc) {
                dt->harts[i].plic_context = (int32_t)context;
            }
        }
    }
}

static void found_virtio(struct devtree *dt, const struct devtree_device *dev)
{
    unsigned at = dt->nvirtio;

    if (at == DEVTREE_VIRTIO) {
        log_warn("device tree: more than %u virtio slots; the rest is ignored",
                 DEVTREE_VIRTIO);
        return;
    }
    for (; at > 0 && dt->virtio[at - 1].regs.start.raw > dev->regs.start.raw; at--) {
        dt->virtio[at] = dt->virtio[at - 1];
    }
    dt->virtio[at] = *dev;
    dt->nvirtio++;
}

static void found_once(struct devtree_device *slot, const struct devtree_device *dev)
{
    if (!devtree_device_present(slot)) *slot = *dev;
}

/* A device of a kind that we know, and no way to its registers. */
static void complain(const struct walk *w, int node)
{
    static const char *const known[] = {"virtio,mmio", "google,goldfish-rtc",
                                        "sifive,plic-1.0.0", "riscv,plic0"};

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        if (!is(w, node, known[i])) continue;
        log_warn("device tree: the registers of a %s make no sense; ignored", known[i]);
        return;
    }
}

static void look_at(struct walk *w, int node, int depth)
{
    struct devtree_device dev;

    if (node_disabled(w->fdt, node)) return;
    if (!read_device(w, node, depth, &dev)) {
        complain(w, node);
        return;
    }
    if (is(w, node, "ns16550a") || is(w, node, "ns16550")) {
        found_uart(w, node, &dev);
    } else if (is(w, node, "virtio,mmio")) {
        found_virtio(w->dt, &dev);
    } else if (is(w, node, "sifive,test0") || is(w, node, "sifive,test1")) {
        found_once(&w->dt->power, &dev);
    } else if (is(w, node, "google,goldfish-rtc")) {
        found_once(&w->dt->rtc, &dev);
    } else if (is(w, node, "sifive,plic-1.0.0") || is(w, node, "riscv,plic0")) {
        found_plic(w, node, &dev);
    }
}

/* The node that stdout-path names: a path or an alias, up to a colon. */
static int find_console(const void *fdt)
{
    int chosen = fdt_path_offset(fdt, "/chosen");
    size_t len;
    const char *path = chosen < 0 ? NULL : node_string(fdt, chosen, "stdout-path", &len);

    if (!path) return -1;
    const char *colon = strchr(path, ':');
    if (colon) len = (size_t)(colon - path);
    return fdt_path_offset_namelen(fdt, path, (int)len);
}

void devtree_read_devices(struct devtree *dt, const void *fdt,
                          const uint32_t intc[MAX_HARTS])
{
    struct walk w = {.dt = dt, .fdt = fdt, .intc = intc, .console = find_console(fdt)};
    int depth = 0;

    for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
        if (depth > 0 && depth <= MAX_DEPTH) look_at(&w, node, depth);
        if (depth < MAX_DEPTH) {
            struct bus *bus = &w.bus[depth];
            bus->node = node;
            bus->readable = node_cells(fdt, node, &bus->cells);
        }
    }
}
