#include "lib/calls.h"

int main(void) { return CODE; }
