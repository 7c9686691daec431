/*
 * Bugs on purpose, for the tests of panic: crash=stack|thread|null|assert|panic|exec|copy|all.
 */
#pragma once

/* Does what `how` names, which ends the machine with the panic status; returns if it
 * names nothing. */
void crash(const char *how);
