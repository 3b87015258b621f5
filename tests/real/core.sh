# A core dump that gdb opens: threads, registers, variables, stacks.
# needs: gcc gdb
# limit: 120
cat > crash.c <<'C'
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

struct node { int value; struct node *next; };
static struct node tail = {2, 0}, list = {1, &tail};
static volatile int sleeper_runs;

static void *sleeper(void *arg) {
    sleeper_runs = 1;
    pause();
    return arg;
}

__attribute__((noinline)) static int crash(struct node *node, int depth) {
    if (depth > 0) return crash(node->next, depth - 1) + 1;
    volatile int *nowhere = (int *)(uintptr_t)(node->value & 1);
    return *nowhere;
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, 0, sleeper, 0);
    while (!sleeper_runs) usleep(1000);
    usleep(20000);
    return crash(&list, 1);
}
C
gcc -g -O0 -pthread -o crash crash.c || exit 1
ulimit -c unlimited
bash -c ./crash 2>/dev/null
echo "exit $?"
ls core >/dev/null || exit 1
gdb -batch -nx -ex 'set print address off' -ex 'frame function crash' -ex 'print *node' -ex 'print list.next->value' \
    -ex 'bt' -ex 'print $_siginfo.si_signo' -ex 'print $_siginfo._sifields._sigfault.si_addr' \
    -ex 'thread apply all print sleeper_runs' ./crash core 2>/dev/null |
    grep -E '^(#[0-9]+ +(crash|main)|\$[0-9]|Program terminated)' | sed 's/crash.c:[0-9]*/crash.c/'
rm -f core crash crash.c
