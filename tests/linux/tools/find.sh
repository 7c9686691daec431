#!/bin/sh
# find over a tree, with xargs.
mkdir -p t/a/b/c t/d 't/sp ace' t/.h; for i in 1 2 3; do echo $i >t/a/$i.txt; echo $i$i$i >t/a/b/$i.c; done; touch 't/sp ace/f g' 't/new
line' t/.h/x t/empty; ln -s a t/l; ln -s none t/broken; mkfifo t/p; head -c 5000 /dev/zero >t/d/big; chmod 600 t/d/big; find t ! -type l -exec touch -d 2005-05-05 {} +; touch -d 2001-01-01 t/a/1.txt; ln t/a/1.txt t/hard
cd t; s() { sort -z | tr '\0' '|' ; echo; }
find . -print0 | s; find . -type f -print0 | s; find . -type d -print0 | s; find . -type l -print0 | s; find . -type p -print0 | s; find -L . -type d -print0 2>&1 | s
find . -name '*.txt' -print0 | s; find . -iname '*.TXT' -print0 | s; find . -path './a/*' -print0 | s; find . -regex '.*/[12]\.c' -print0 | s
find . -maxdepth 1 -print0 | s; find . -mindepth 2 -maxdepth 2 -print0 | s; find . -empty -type f -print0 | s; find . -empty -type d -print0 | s; find . -size +1k -type f -print0 | s; find . -size 2c -print0 | s; find . -perm 600 -print0 | s; find . -perm /111 -type f -print0 | s
find . -newer a/1.txt -type f -print0 | s; find . ! -newer a/2.txt -type f -print0 | s; find . -mtime +1000 -print0 | s; find . -newermt 2002-01-01 -name '1*' -print0 | s; find . -links 2 -type f -print0 | s; find . -samefile hard -print0 | s; find . -lname none -print0 | s; find . -xtype l -print0 | s
find . -name b -prune -o -type f -print0 | s; find . \( -name '*.c' -o -name '*.txt' \) -a ! -name '2*' -print0 | s; find a d -depth -print | sort -r; find . -uid 0 -user root -name p -print
find . -name '*.c' -exec cat {} \; | sort; find . -name '*.txt' -exec cat {} + | sort; find a -name 1.c -execdir pwd \; | sed 's|.*/t/|t/|'; find . -type f -printf '%f %s %m %d %P %h %y\n' | sort; find . -name '*.c' -print -quit | wc -l
find . -type f -print0 | xargs -0 wc -c | sort | tail -n 1; find . -name '*.c' | sort | xargs -I{} echo '<{}>'; echo 'a b "c d" e\ f' | xargs -n 1; printf 'x\0y z\0' | xargs -0 -n 1 echo; seq 10 | xargs -n 3; seq 5 | xargs -L 2 echo; echo | xargs -r echo no; seq 3 | xargs -t echo; seq 3 | xargs -n 1 sh -c 'exit $0'; echo $?; xargs -a empty echo none; echo x | xargs false; echo $?; echo x | xargs no-such; echo $?
find none; echo $?; find . -name '*.txt' -delete; find . -name '*.txt'; find . -type f -exec false {} +; echo $?; find . -type f -ok echo {} \; </dev/null 2>/dev/null; find a -ls | awk '{ print $3, $11 }' | sort; find . -inum $(stat -c %i hard) -print
i=0; while [ $i -lt 300 ]; do mkdir -p deep/$((i % 17))/$((i % 13)); : >deep/$((i % 17))/$((i % 13))/$i; i=$((i + 1)); done; find deep -type f | wc -l; find deep | sort | cksum; find deep -type f -delete; find deep -type d -empty -delete; ls -d deep
p=x; for i in $(seq 60); do p=$p/directory-number-$i; done; mkdir -p "$p" && find x | wc -l; rm -r x; find x 2>&1 | wc -l
