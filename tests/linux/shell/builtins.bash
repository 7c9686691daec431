#!/bin/bash
# What bash has beyond sh.
a=(one "two words" three); echo "${#a[@]} ${a[1]} ${a[-1]}"; a+=(four); printf '<%s>' "${a[@]}"; echo
a[10]=ten; echo "${!a[@]}"; unset 'a[0]'; echo "${a[@]:1:2}"
declare -A m=([x]=1 [y z]=2); m[k]=3; for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done | sort
s=hello; echo "${s^} ${s^^} ${s:1:3} ${s/l/L} ${s//l/L} ${s: -2}"
echo {1..5} {a..e} {01..10..3} x{a,b{1,2}}y
[[ abc == a* && abc =~ ^a(.)c$ ]] && echo "${BASH_REMATCH[1]}"
[[ 10 -gt 9 ]] && [[ a < b ]] && echo compare
(( x = 5, y = x ** 3 )); echo $y; (( y > 100 )) && echo big
for ((i = 0; i < 3; i++)); do printf %d $i; done; echo
diff <(seq 3) <(seq 2 4); cat <(echo sub) <(echo stitution)
echo tee | tee >(tr a-z A-Z >up) >/dev/null; sleep 0.3; cat up
mapfile -t lines < <(printf 'a\nb\nc\n'); echo ${#lines[@]} ${lines[2]}
set -o pipefail; false | true; echo "pipefail $?"; true | (exit 3) | (exit 4) | true; echo "${PIPESTATUS[@]}"
coproc CP { while read l; do echo "<$l>"; done; }; echo hi >&${CP[1]}; read r <&${CP[0]}; echo $r
eval "exec ${CP[1]}>&-"; wait $CP_PID 2>/dev/null
read -r -a words <<<"alpha beta gamma"; echo "${words[1]}"
printf -v v '%03d' 7; echo $v; printf '%q\n' "a b'c"
f() { local -n ref=$1; ref=changed; }; t=x; f t; echo $t
shopt -s nullglob extglob; echo none*; touch a1 b2; echo @(a|c)*; echo !(a*)
declare -i n=5+5; echo $n; declare -r c=1; (c=2) 2>/dev/null || echo constant
exec {fd}>file; echo to >&$fd; exec {fd}>&-; cat file
select x in a b; do echo "chose $x"; break; done <<<2 2>/dev/null
type -t if cd ls f
echo $((2#1010)) $((16#ff)) $'tab\there' "${BASH_VERSINFO[0]}"
time true 2>/dev/null; TIMEFORMAT=; time true
caller; echo "${FUNCNAME[0]-main}"
wait -n 2>/dev/null; (sleep 0.1; exit 4) & (sleep 5) & wait -n; echo "first: $?"; kill $!; wait 2>/dev/null
trap 'echo ERR' ERR; false; trap - ERR
trap 'echo "debug $BASH_COMMAND"' DEBUG; true; trap - DEBUG
