/*
 * Entropy from the host: virtio entropy devices.
 */
#pragma once

#include "drivers/virtio.h"

/* For devices.c: begins to use a device. What it sends goes to random_add(), when it comes:
 * nobody waits for it. 0, or an error, and then nothing is left of it. */
must_check int rng_attach(struct virtio_device *dev);

/* Asks for more. Its answers are counted by rng_answers(). */
void rng_ask(void);
uint64_t rng_answers(void);
