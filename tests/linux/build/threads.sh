#!/bin/sh
# A program with threads is compiled and run: locks, conditions, thread-local data.
cat >t.c <<'EOF'
#include <pthread.h>
#include <stdio.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long sum, ready;
static __thread long mine;
static void *add(void *n)
{
    for (long i = 0; i < 1000; i++) { mine += (long)n; }
    pthread_mutex_lock(&lock);
    sum += mine; ready++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return n;
}
int main(void)
{
    pthread_t t[8];
    for (long i = 0; i < 8; i++) pthread_create(&t[i], 0, add, (void *)i);
    pthread_mutex_lock(&lock);
    while (ready < 8) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 8; i++) pthread_join(t[i], 0);
    printf("%ld\n", sum);
    return 0;
}
EOF
gcc -O2 -pthread t.c -o t && ./t; gcc -O2 -pthread -static t.c -o ts && ./ts
