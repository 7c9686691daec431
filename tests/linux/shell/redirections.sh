#!/bin/sh
# with: dash; bash; busybox sh
echo a >f; echo b >>f; cat f
cat <f >g; cmp f g && echo same
exec 3>h; echo three >&3; echo more >&3; exec 3>&-; cat h
exec 4<h; read a <&4; read b <&4; echo "$a $b"; exec 4<&-
{ echo out; echo err >&2; } >o 2>e; cat o e
{ echo out; echo err >&2; } >both 2>&1; cat both
ls nothing 2>/dev/null || echo "no: $?"
cat nothing 2>&1 | sed 's/^[^:]*: *//'
set -C; echo x >new && echo made; (echo y >new) 2>/dev/null || echo "not over it"; echo z >|new; cat new; set +C
exec 5<>rw; echo 12345 >&5; exec 5>&-; printf ab 1<>rw; cat rw
cat <<END >doc
lines $((1 + 1))
END
wc -l <doc
(cat <&-) 2>/dev/null || echo "closed input: $?"
echo "to nobody" >&- 2>/dev/null || echo "closed output"
>empty; [ -s empty ] || echo empty
for i in 1 2 3; do echo $i; done >loop; paste -s loop
while read l; do echo "<$l>"; done <loop
if true; then echo x; fi >cond; cat cond
f() { echo "$1"; }; f arg >func; cat func
echo a b c | (read x y; echo "$y|$x")
cat f - g <<X
between
X
