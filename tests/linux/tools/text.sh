#!/bin/sh
# Sorting, joining, cutting: larger amounts and odd options.
seq 50000 | sort -R --random-source=/dev/zero | sort -n | cksum; seq 1000 | sort | head -n 5; printf '10\n9\n2\n1\n' | sort; printf '10\n9\n2\n1\n' | sort -n; printf 'b 1\na 2\nc 0\n' | sort -k2; printf 'b 1\na 2\n' | sort -k2,2nr; printf 'a\nB\nc\n' | sort -f; printf 'a\na\nb\n' | sort -u; sort -c <<X
b
a
X
echo $?; printf '1K\n1M\n5\n' | sort -h; printf 'v1.10\nv1.9\n' | sort -V; printf 'jan\ndec\n' | sort -M; seq 100000 | sort -S 100K -T . | tail -n 1; seq 20 | sort -n -o out -; wc -l out; sort -m out out | uniq -d | wc -l; seq 5 >a; seq 3 7 >b; join a b; join -v1 a b; join -a2 -o 0,1.1,2.1 -e X a b
echo 'a:b:c' | cut -d: -f2; echo 'a:b:c' | cut -d: -f1,3 --output-delimiter=-; echo abcdef | cut -c2-4; echo abcdef | cut -b-2; echo 'no delim' | cut -d: -f2 -s; paste -d, a b; paste -s a; tr -d 0-5 <a; echo aabbcc | tr -s ab; echo abc | tr a-c A-C; echo 'héllo' | tr -cd 'a-z\n'; echo abc | tr '[:lower:]' '[:upper:]'; echo 'a b' | tr ' ' '\n'
uniq -c <<X
a
a
b
a
X
printf 'a\nA\n' | uniq -i; nl -ba -w2 -s: a; fold -sw 10 <<X
some words to fold here
X
fmt -w 20 <<X
some words that are to be filled into lines
of twenty
X
pr -2 -t -l 3 a; expand -t4 <<X
	tab
X
unexpand -a -t 8 <<X
                two
X
column -t <<X
a bbb c
aaa b c
X
head -c 10 a; tail -n +3 a; tail -c 4 a; head -n -2 a; tac a | paste -s; rev a 2>/dev/null | head -n 1; split -b 4 a s.; ls s.*; cat s.* | cmp - a; split -n 2 a n.; wc -c n.*; csplit a 3 '{0}' >/dev/null; cat xx00; od -c a; od -An -tx2 a; od -An -td1 -w4 a | head -n 2; xxd a 2>/dev/null | head -n 1; hexdump -C a | head -n 1; printf 'héllo\n' | wc -mc; wc -L a; wc a b; echo 3 4 | awk '{ print $1 * $2 }'; echo '2 3 + p' | dc 2>/dev/null; factor 1234567890 97; seq -w 8 10; seq 1 .5 3; seq -s, 5; numfmt --from=iec 1K 2M; numfmt --to=si 1500; expr 3 + 4 \* 2; expr abc : 'a\(.\)'; expr length hello; expr 1 / 0; echo $?; date -u -d @0 +%FT%T; date -u -d '2024-02-28 +2 days' +%F; date -d x 2>/dev/null; echo $?; env -i A=1 env; printenv HOME; env -u HOME printenv HOME; echo $?; basename /a/b.c .c; dirname /a/b/c a; realpath -m /a/../b/./c; readlink -f /proc/self/../self/root; pathchk -p 'a b'; nproc >/dev/null; echo $?; uname -s; uname -m; uname -n; arch; hostname; whoami; id; id -un; groups; logname 2>/dev/null; tty; echo $?; sleep 0.01; true; false; echo $?; timeout 0.2 sleep 5; echo $?; timeout 5 sh -c 'exit 3'; echo $?; nice -n 5 nice; nohup echo hup 2>/dev/null; stdbuf -oL echo buf; chroot / echo rooted; stty size 2>/dev/null; echo $?; yes a b | head -n 1; echo -e 'a\tb\c' ; echo; test 1 -eq 1; [ a = b ]; echo $?; kill -l 9; sync; mktemp -u | sed 's/\..*/.X/'; tee x y <a >/dev/null; cmp x y; who; users; install -v /dev/null i; shuf -i 1-5 | sort | paste -s; shuf -e -n 1 only; ptx -G <<X | head -n 1
hello world
X
tsort <<X
3 1
1 2
X
