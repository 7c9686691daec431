#!/bin/sh
# make builds a project of several files, two jobs at a time, and only what is old.
for n in a b c d; do echo "int $n(void) { return '$n'; }" >$n.c; done
cat >main.c <<'EOF'
#include <stdio.h>
int a(void), b(void), c(void), d(void);
int main(void) { printf("%c%c%c%c\n", a(), b(), c(), d()); return 0; }
EOF
cat >Makefile <<'EOF'
objects = main.o a.o b.o c.o d.o
all: prog
prog: $(objects)
	@gcc -o $@ $^ && echo linked
%.o: %.c
	@gcc -c $< -o $@
clean:
	rm -f prog $(objects)
EOF
make -j2; ./prog; make; make -q; echo $?
sleep 1; touch b.c; make -n | wc -l; make; make clean; ls
printf 'x:\n\t@exit 3\n' >bad.mk; make -f bad.mk 2>/dev/null; echo $?
