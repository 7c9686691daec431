/*
 * Random numbers: for addresses that nobody should guess, and for programs.
 *
 * They are as good as what random_add() was given: the firmware's seed in the device tree,
 * what a virtio entropy device sends, and the time. There is no waiting for more of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct devtree;

/* Takes the firmware's seed out of the tree, so that nobody else reads it. Boot only. */
void random_init(struct devtree *dt);

/* Adds what somebody may not know. It never makes the numbers worse. */
void random_add(const void *bytes, size_t len);

/* Anywhere but in interrupt handlers. Whoever learns the state later cannot tell what these
 * bytes were. */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/* In [0, bound), each with the same chance; bound is not 0. */
uint64_t random_below(uint64_t bound);

/* Has anything better than the time come in? */
bool random_is_seeded(void);
