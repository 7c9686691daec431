#!/bin/sh
# ls and stat on every kind of file there is.
touch -d '2024-02-29 12:34:56.789' f; printf 12345 >g; touch -d '2020-01-01' g; chmod 4755 f; chmod 640 g; chown 1:2 g
mkdir -m 1777 d; touch -d '2021-01-01' d; ln -s g l; ln -s nowhere broken; mkfifo -m 600 p; mknod n c 1 3; mknod b b 7 0; ln g h
touch -h -d '2022-02-02' l broken; touch -d '2022-02-02' p n b
ls; ls -a; ls -r; ls -F; ls -p; ls -1S f g; ls -t f g; ls -tr f g; ls -m; ls -x -w 30; ls -C -w 20; ls -d d .; ls -Q
ls -l f g l broken p n b h; ls -ld --time-style=full-iso d | cut -d' ' -f1,3,4,6-; ls -n g; ls -lL l; ls -lh g; ls --full-time g; ls -log g
ls -i g h | awk '{ print $1 }' | uniq | wc -l
stat -c '%a %A %F %n %N %s %u %g %U %G %h %t %T %y' f g d l broken p n b 2>&1 | sed 's/directory \(.*\) [0-9]* 0 0/directory \1/'
stat -L -c %F l; stat -c %F /dev/null /dev/full /proc /tmp /
stat -f -c %T /tmp /proc
ls none; echo $?; ls -l broken/x; echo $?; ls d/..; ls -R; mkdir -p d/e; touch d/e/x d/y; ls -R d; ls -d */ d/*
dir; vdir -d f | cut -d' ' -f1; ls --color=always -d d l f p broken n | cat -v; ls -lu g; ls -lc g >/dev/null; ls --sort=extension; ls -X; ls -v; ls --group-directories-first; ls -I 'g*'; ls -B; ls --hide=f
touch a1 a10 a2; ls -v a*; ls -1 | head -n 2
chmod 0 f; ls -l f; test -r f; echo $?
