#!/bin/sh
# with: dash; bash; busybox sh
x=1; (x=2; echo $x); echo $x
(cd /; pwd); [ "$PWD" != / ] && echo "still elsewhere"
{ y=3; }; echo $y
echo $(echo a; echo b) "$(echo a; echo b)"
(exit 9); echo $?
( ( ( echo deep ) ) )
v=$(exit 4); echo $?
echo "$(echo "$(echo "$(echo nested)")")"
(trap 'echo leaving' EXIT; echo inside); echo outside
for i in 1 2 3 4 5; do (echo $i; exit $i); done | paste -s
a=$( (echo sub) ); echo $a
(export E=exported; sh -c 'echo $E'); echo "${E-gone}"
E=once sh -c 'echo $E'; echo "${E-gone}"
export K=kept; sh -c 'echo $K'; unset K; sh -c 'echo ${K-gone}'
exec_in() { (exec sh -c 'echo "$0 $1"' name arg); }; exec_in
(readonly R=1; R=2) 2>/dev/null; [ $? -ne 0 ] && echo readonly
n=0; while [ $n -lt 30 ]; do n=$((n + 1)); (:) ; done; echo $n
n=0; while [ $n -lt 20 ]; do n=$((n + 1)); /bin/true; done; echo $n
echo $$ | { read a; [ $a = $$ ] && echo "\$\$ is the first shell's"; }
