#!/bin/sh
# with: dash; bash; busybox sh
# Jobs in the background and what wait says of them.
sleep 0.1 & wait $!; echo "slept: $?"
(exit 7) & wait $!; echo "seven: $?"
(sleep 0.2; exit 3) & a=$!; (exit 4) & b=$!; wait $b; echo $?; wait $a; echo $?
sleep 100 & p=$!; kill $p; wait $p 2>/dev/null; echo "terminated: $?"
sleep 100 & p=$!; kill -KILL $p; wait $p 2>/dev/null; echo "killed: $?"
sleep 100 & p=$!; kill -0 $p && echo alive; kill -9 $p; wait $p 2>/dev/null; kill -0 $p 2>/dev/null || echo gone
wait 99999999 2>/dev/null; echo "no child: $?"
wait; echo "nobody: $?"
for i in 1 2 3 4 5 6 7 8; do (sleep 0.0$i; echo $i >>done) & done; wait; sort done | paste -s
{ sleep 0.1; echo late; } & echo early; wait
mkfifo f; (echo through >f) & read x <f; echo $x; wait
(while :; do :; done) & p=$!; sleep 0.2; kill -STOP $p; sleep 0.1; kill -CONT $p; kill $p; wait $p 2>/dev/null; echo "spinner: $?"
cat & wait $!; echo "no input: $?"
for i in 1 2 3 4 5 6 7 8 9; do (exit $i) & done; wait; echo all
sh -c 'sleep 0.1 & exec sh -c "wait; echo \$?"'
sh -c 'echo $PPID' >pp; [ "$(cat pp)" = $$ ] && echo parent
sh -c 'kill -TERM $$'; echo $?
{ sh -c 'kill -SEGV $$'; echo $?; } 2>/dev/null
