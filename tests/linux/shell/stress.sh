#!/bin/sh
# with: dash; bash; busybox sh
# Many processes, long pipelines, large words.
n=0; while [ $n -lt 60 ]; do n=$((n + $(echo 1))); done; echo $n
p=cat; i=0; while [ $i -lt 12 ]; do p="$p | cat"; i=$((i + 1)); done; seq 1000 | eval "$p" | cksum
w=$(head -c 100000 /dev/zero | tr '\0' w); echo ${#w}; sh -c 'echo ${#1}' sh "$w"
set -- $(seq 20000); echo $# $1 ${20000}
i=0; while [ $i -lt 10 ]; do (seq 500 | tail -n 1) & i=$((i + 1)); done | sort | uniq -c | tr -s ' '; wait
i=0; while [ $i -lt 6 ]; do seq 2000 >f$i & i=$((i + 1)); done; wait; cat f* | cksum
echo 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i' | sh
seq 1000 | xargs -n 100 echo | wc -l
seq 80 | xargs -P 4 -n 10 sh -c 'echo $#' sh | sort | uniq -c | tr -s ' '
