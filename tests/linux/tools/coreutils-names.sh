#!/bin/sh
# The tools of coreutils, each on files with awkward names.
make() { printf 'one\ntwo\nthree\n' >"$1"; }
space='two words' dash='-n' newline='two
lines' star='*' quote="it's \"so\"" uni='naïve-ü' long=$(printf 'l%.0s' $(seq 200)) dollar='$HOME'
n=0
for f in "$space" "$dash" "$newline" "$star$quote" "$uni$dollar" "$long"; do
    n=$((n + 1)); mkdir w; cd w; make "./$f"
    echo "== $n"
    b2sum -- "$f" | cut -c1-20; base32 -- "$f"; base64 -- "$f"; basename -- "/a/$f" | od -c | head -n 3
    cat -- "$f"; cat -A -- "$f"; cksum <"./$f"; comm -- "$f" "./$f"; cp -- "$f" copy; cmp -- "$f" copy
    csplit -s -- "$f" 2; cat xx01; cut -c2- -- "$f"; dd if="./$f" bs=4 count=1 2>/dev/null; echo
    dirname -- "/a/b/$f" | tail -n 1; du -b -- "$f" | cut -f1; expand -- "$f"; expr "x$f" : '.*'; fmt -- "$f"
    fold -w 2 -- "$f" | head -n 2; head -n 1 -- "$f"; head -c -3 -- "$f"; join -- "$f" copy; ln -s -- "$f" l; readlink l
    link "./$f" hard; stat -c %h -- "$f"; ls -1 --quoting-style=c -- "$f"; md5sum <"./$f"; mkdir -- "d$f"; rmdir -- "d$f"
    mkfifo -- "p$f"; test -p "p$f" && rm -- "p$f"; mktemp "t${f%x}XXXX" >/dev/null; rm -- t*; mv -- "$f" moved; mv -- moved "$f"
    nl -- "$f"; numfmt --to=iec 123456; od -An -tx1 -- "$f"; paste -- "$f" copy; pathchk -- "$f"; pr -T -- "$f" | head -n 1
    ptx -- "$f" 2>&1 | head -n 2 | tr -s ' '; realpath -- "$f" | tail -n 1 | sed 's|.*/||'; sha1sum <"./$f"; sha512sum <"./$f" | cut -c1-9
    shred -u -n 1 -- copy; shuf --random-source=/dev/zero -- "$f" | sort; sort -- "$f"; split -l 1 -- "$f" s; ls s*
    stat -c %s:%F -- "$f"; sum <"./$f"; tac -- "$f"; tail -n 1 -- "$f"; tail -c +5 -- "$f"; tee -- "$f.2" <"./$f" | wc -l
    touch -r "./$f" -- new; truncate -s 6 -- "$f"; tsort <<X
a b
b c
X
    unexpand -a -- "$f"; uniq -c -- "$f"; unlink "./$f"; wc -- "$f.2" | tr -s ' '; yes "$f" | head -n 1; ls -A | wc -l
    cd ..; rm -rf w
done
ls
