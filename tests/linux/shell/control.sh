#!/bin/sh
# with: dash; bash; busybox sh
for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done
for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; echo $i$j; done; done
i=0; until [ $i -ge 3 ]; do i=$((i + 1)); done; echo $i
while :; do break; done; echo "after break: $?"
for x in; do echo never; done; echo "empty: $?"
f() { return 7; }; f; echo $?
g() { local v=inner; echo $v; }; v=outer; g; echo $v
r() { [ $1 -le 1 ] && echo 1 && return; echo $(($1 * $(r $(($1 - 1))))); }; r 10
deep() { [ $1 = 0 ] && { echo bottom; return; }; deep $(($1 - 1)); }; deep 200
true && echo and; false || echo or; false && echo no; true || echo no
if false; then echo a; elif true; then echo b; else echo c; fi
(exit 5); echo $?; { (exit 6); }; echo $?
(set -e; false; echo no); echo "set -e: $?"
(set -e; if false; then :; fi; false || true; ! true; echo survived)
(set -u; echo $undefined_name) 2>/dev/null; echo "set -u: $([ $? -ne 0 ] && echo ends)"
while getopts ab:c opt -a -b arg -c rest; do echo "$opt=${OPTARG-}"; done; echo $OPTIND
set -- x y z; shift; echo "$*"; shift 2; echo $#
printf '%s %d %x %o %5.2f|%-5s|%05d|%c\n' str 42 255 8 3.14159 ab 42 xyz
printf '%b\n' 'a\tb\nc'; printf '%s\n' one two three; printf '%%\n'
read a b <<X
first second third
X
echo "$b"
echo 'back\slash' | { read r; echo "$r"; }; echo 'back\slash' | { read -r r; echo "$r"; }
umask 027; touch m; stat -c %a m; mkdir md; stat -c %a md; umask
type cd >/dev/null && command -v ls >/dev/null && echo found
command -v nothing-here; echo $?
nothing-here 2>/dev/null; echo $?
touch noexec; ./noexec 2>/dev/null; echo $?
alias x=y 2>/dev/null; unalias -a
test -d . -a -w . && echo yes; [ 3 -lt 10 ] && [ a \< b ] && echo less; [ -z "" ] && [ -n x ]; echo $?
[ x = x -o y = z ]; echo $?; [ ! -e none ]; echo $?
times >/dev/null; echo $?
