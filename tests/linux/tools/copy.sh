#!/bin/sh
# cp, mv, ln, rm, install, mkdir: what they keep, refuse and say.
mkdir -p s/a/b; echo 1 >s/1; echo 2 >s/a/2; ln -s 1 s/link; ln s/1 s/hard; mkfifo s/fifo; chmod 751 s/a; chmod 600 s/1; touch -d 2011-11-11 s/1 s/a/2
show() { (cd "$1" && find . -printf '%P %y %m %n %l\n' | sort); }
cp -a s c; show c; stat -c %Y c/1 c/a/2; [ c/1 -ef c/hard ] && echo "hard links stay"
cp -r s/a r; show r; cp s/link followed; stat -c %F followed; cp -P s/link kept; stat -c %F kept; cp -L -r s/a rl; cp -s "$PWD/s/1" sym; readlink sym | sed 's|.*/s|s|'
cp none x; cp s x; cp s/1 s/1; cp s/1 none/x; cp -n s/a/2 followed; cat followed; cp -u s/a/2 followed; cat followed; cp -f s/a/2 followed; cat followed
cp --backup=numbered s/1 followed; ls followed*; cp -t r s/1 s/link; show r; cp -T s/1 T; cp -p s/1 P; stat -c '%a %Y' P; cp --parents s/a/2 r; show r
cp -rv s/a v | sort; cp --sparse=always /dev/null sp; cp --reflink=auto s/1 rf; cat rf; dd if=/dev/zero of=hole bs=1 seek=1000000 count=0 2>/dev/null; cp hole hole2; stat -c %s hole2; cmp hole hole2
mv s/1 moved; cat moved; mv moved s; ls s; mv none x; mv s/a s/a/b; mv -n s/1 s/link; mv -v s/1 renamed; mv renamed s/1; mkdir t; mv s/1 s/hard t; ls t; mv t/1 /dev/shm/case-file; cat /dev/shm/case-file; mv /dev/shm/case-file t/1; mkdir full; touch full/x; mkdir empty; mv -T empty full; mv -T full empty; ls empty
ln t/1 l1; ln -s t/1 l2; ln -sf t/hard l2; readlink l2; ln t/1 l1; ln t tt; ln -s t dl; ln -sfn s dl; readlink dl; ln -sr t/1 s/rel; readlink s/rel; ln none x
rm none; rm -f none; rm t; rm -d empty; rm -rf empty; rm -r t; ls; rm -- -x 2>/dev/null; echo $?; rmdir s; rmdir -p c/a/b 2>&1; mkdir -p x/y/z; rmdir -p x/y/z; ls -d x
install -m 640 followed i; stat -c %a i; install -d -m 700 dd/ee; stat -c %a dd/ee; install -D followed n/e/w; cat n/e/w; mkdir s; mkdir -m 711 m; stat -c %a m; mkdir nope/nope; mkdir -pv q/w/e
rm -rf /tmp/none/..; cd q; rm -r . 2>&1; rm -rf ..; cd ..; ls -d q
