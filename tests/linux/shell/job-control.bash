#!/bin/bash
# Job control where there is no terminal: groups of processes, stopped and continued.
set -m
sleep 100 & jobs | sed 's/^\(.\)*Running/Running/'
kill -STOP %1; sleep 0.2; jobs | grep -o Stopped
kill -CONT %1; sleep 0.2; jobs | grep -o Running
bg %1 2>&1 | sed 's/^[^:]*: //'
kill %1; wait %1 2>/dev/null; echo "ended $?"
sleep 100 | cat & p=$(jobs -p); [ "$(ps -o pgid= -p $p | tr -d ' ')" = $p ] && echo "a group of its own"
kill -- -$p; wait 2>/dev/null
(sleep 1; exit 6) & fg %1 >/dev/null 2>&1; echo "fg $?"
disown -a; jobs
set +m
sleep 100 & p=$!; [ "$(ps -o pgid= -p $p | tr -d ' ')" != $p ] && echo "our group"
kill $p; wait $p 2>/dev/null; echo $?
