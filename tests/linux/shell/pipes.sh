#!/bin/sh
# with: dash; bash; busybox sh
# Bytes through pipes, who ends first, and what is known of the ends.
echo hello | tr a-z A-Z | sed s/L/l/g
seq 1 200000 | sort -rn | head -n 3
yes | head -n 100000 | wc -lc
head -c 3000000 /dev/zero | tr '\0' x | cksum
false | true; echo "last decides: $?"
true | false; echo "last decides: $?"
! true; echo "negated: $?"
(exit 3) | (exit 4); echo $?
{ echo one; echo two >&2; } 2>&1 >/dev/null | sed 's/^/err: /'
echo in | { read x; echo "[$x]"; read y || echo "end"; }
yes >/dev/full; echo "full: $?"
(trap '' PIPE; yes 2>/dev/null; echo "yes ended with $?" >&2) | head -n 1
a=$(seq 1 5000 | { while read n; do t=$((t + n)); done; echo $t; }); echo $a
seq 20 | while read n; do [ $n = 5 ] && break; echo $n; done | paste -s -d+ -
: | cat | cat | cat | wc -c
cat </dev/null | wc -l
