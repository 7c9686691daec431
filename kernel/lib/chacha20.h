/*
 * The ChaCha20 block function (RFC 8439, section 2.3).
 */
#pragma once

#include <stdint.h>

enum { CHACHA20_KEY = 32, CHACHA20_BLOCK = 64 };

/* 64 bytes that nobody can tell from random ones who does not have the key. `input` is what
 * makes one block different from the next: the counter, and the nonce. */
void chacha20_block(const uint8_t key[CHACHA20_KEY], const uint32_t input[4],
                    uint8_t out[CHACHA20_BLOCK]);
