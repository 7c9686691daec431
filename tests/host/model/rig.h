/*
 * What tests that tell one story need: a world without pictures, memory accesses that
 * fault as a program's do, and a way to find words.
 */
#pragma once

#include "model/walker.h"
#include "model/world.h"
#include "test.h"

enum { NO_LIMIT = 12 };

/* Boots once; then an empty space, three objects and the device, as world_begin(). The end
 * frees the spaces given and fails the test if anything leaked. */
void rig_begin(void);
void rig_end(void);
struct aspace *rig_space(void);
struct aspace *rig_clone(struct aspace *s);
void rig_destroy(struct aspace *s);

static inline struct range pages(uint64_t vpn, size_t n)
{
    return range_of(VA(vpn << PAGE_SHIFT), n);
}

/* Maps n anonymous pages at vpn; ends the program if it cannot. */
void rig_map(struct aspace *s, uint64_t vpn, size_t n, unsigned prot, uint32_t flags);
void rig_map_object(struct aspace *s, uint64_t vpn, size_t n, unsigned prot,
                    uint32_t flags, struct pager *p, uint64_t index);

/* A program stores to, or loads from, a page. On FAULT_DONE it has happened. */
enum fault_result rig_store(struct aspace *s, uint64_t vpn, uint64_t value);
enum fault_result rig_load(struct aspace *s, uint64_t vpn, uint64_t *value);
/* The number in a page that must be readable. */
uint64_t rig_value(struct aspace *s, uint64_t vpn);

/* Where the word over a page is: its table and place. Looks through shared tables. */
struct place {
    struct page *table;
    unsigned i;
    pte_t *word;
};
struct place rig_word(struct aspace *s, uint64_t vpn);

/* Leaves among the n words over pages from vpn on. */
unsigned rig_resident(struct aspace *s, uint64_t vpn, unsigned n);

/* Lines that /proc/PID/maps would have. */
unsigned rig_lines(struct aspace *s);

/* aspace_check() of up to three spaces (NULL: none); must be silent. */
bool rig_sound(struct aspace *a, struct aspace *b, struct aspace *c);
