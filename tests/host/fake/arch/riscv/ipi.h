/* Requests between harts: on the host there are none. */
#pragma once

static inline void ipi_poll(void) {}
