/*
 * Controlling terminals, as processes use them. The other direction is jobs.h.
 */
#pragma once

/* The calling process, a session leader, exits: its session has no terminal any more, and those
 * in the foreground get SIGHUP. */
void tty_session_ends(void);
