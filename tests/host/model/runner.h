/*
 * Random sequences of steps, each in a world of its own; and what to do when one
 * goes wrong: shrink it to a short script, print that, and say how to replay it.
 *
 * Sequences run in child processes, so that an assertion of the kernel or a report
 * of a sanitizer is a failure like any other. Every other one is with isolation=split.
 *
 *     MODEL_SCRIPT=FILE    run this script instead
 *     MODEL_SEED=N         run the one sequence with this seed
 *     MODEL_STEPS=N        so many steps altogether
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct campaign {
    unsigned levels;
    unsigned long steps;  /* altogether */
    unsigned length;      /* of one sequence */
    unsigned check_every; /* steps between full comparisons */
    bool starve;          /* make each allocation of each step fail in turn */
    bool tlb;             /* access memory through the model's translation caches */
};

/* True if nothing went wrong. */
bool campaign_run(const struct campaign *c);
