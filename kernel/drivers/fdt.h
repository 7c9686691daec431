/*
 * libfdt, without a C library.
 *
 * libfdt.h asks its libfdt_env.h for integer types, byte order and string functions,
 * and the one of the package finds them in a C library's headers. Taking the guard of
 * that header lets us say the same with the kernel's.
 */
#pragma once

#define LIBFDT_ENV_H

#include "lib/string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers as they lie in the tree: big endian. */
typedef uint16_t fdt16_t;
typedef uint32_t fdt32_t;
typedef uint64_t fdt64_t;

static inline uint16_t fdt16_to_cpu(fdt16_t n) { return __builtin_bswap16(n); }
static inline uint32_t fdt32_to_cpu(fdt32_t n) { return __builtin_bswap32(n); }
static inline uint64_t fdt64_to_cpu(fdt64_t n) { return __builtin_bswap64(n); }
static inline fdt16_t cpu_to_fdt16(uint16_t n) { return __builtin_bswap16(n); }
static inline fdt32_t cpu_to_fdt32(uint32_t n) { return __builtin_bswap32(n); }
static inline fdt64_t cpu_to_fdt64(uint64_t n) { return __builtin_bswap64(n); }

#include <libfdt.h>
