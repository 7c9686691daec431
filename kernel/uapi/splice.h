/*
 * The Linux ABI of splice(2), tee(2) and vmsplice(2) (linux/splice.h): MOVE, NONBLOCK, MORE, GIFT.
 */
#pragma once

#define SPLICE_F_NONBLOCK 2u
#define SPLICE_KNOWN      15u
