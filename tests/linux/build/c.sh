#!/bin/sh
# The C compiler, assembler and linker: programs of one file and of several, dynamic and static.
cat >hello.c <<'EOF'
#include <stdio.h>
int main(int argc, char **argv) { printf("hello %d %s\n", argc, argv[argc - 1]); return argc; }
EOF
gcc -O2 -Wall hello.c -o hello; ./hello a b; echo $?
gcc -static hello.c -o hello-static; ./hello-static; echo $?
cat >part.c <<'EOF'
int square(int x) { return x * x; }
EOF
cat >main.c <<'EOF'
#include <stdio.h>
int square(int x);
int main(void) { printf("%d\n", square(12)); return 0; }
EOF
gcc -c part.c main.c && ar rc libpart.a part.o && gcc main.o -L. -lpart -o two && ./two
gcc -shared -fPIC part.c -o libshared.so && gcc main.o ./libshared.so -o with-library && ./with-library
echo 'int main(void) { return undeclared; }' >bad.c; gcc bad.c -o bad 2>/dev/null; echo "refused $?"
echo 'int f(void); int main(void) { return f(); }' >link.c; gcc link.c -o link 2>/dev/null; echo "not linked $?"
gcc -S -O1 part.c && grep -c ret part.s; gcc -E -P part.c | tail -n 1; size two >/dev/null; echo $?
