#!/bin/sh
# with: dash; bash; busybox sh
# What test(1) knows of files, links and directories; cd and pwd.
touch f; mkdir d; ln -s f l; ln -s none broken; mkfifo p; ln f hard; chmod 600 f; : >x; chmod +x x
for t in -e -f -d -L -h -p -S -b -c -r -w -x -s; do for n in f d l broken p x /dev/null; do [ $t $n ] && printf '%s ' "$t$n"; done; done; echo
[ f -ef hard ] && echo hard; [ f -ef l ] && echo link; [ f -ef x ] || echo other
touch -d 2001-01-01 old; [ f -nt old ] && [ old -ot f ] && echo newer
mkdir -p a/b; ln -s a/b s; cd s; case $PWD in */s) echo logical;; esac; case $(pwd -P) in */a/b) echo physical;; esac
cd ..; case $PWD in */s) echo no;; *) echo up;; esac
cd -P s; case $PWD in */a/b) echo P;; esac; cd ../..; cd - >/dev/null; cd ../..
cd none 2>/dev/null || echo "no such directory"; cd f 2>/dev/null || echo "no directory"
mkdir gone; (cd gone; rmdir ../gone; ls; touch x 2>/dev/null || echo "no more"; pwd >/dev/null; cd .. && echo out)
echo "name with spaces" >"a b"; cat "a b"; echo nl >'new
line'; cat new*; echo dash >-; cat ./-
i=0; while [ $i -lt 300 ]; do : >many$i; i=$((i + 1)); done; set -- many*; echo $#; rm many*; set -- many*; echo "$1"
chmod 000 f; [ -r f ] && echo "root reads all"
exec 3<f; rm f; exec 3<&-; [ -e hard ] && echo "other name stays"
