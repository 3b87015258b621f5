# gdb: breakpoints, steps, watchpoints, threads, children, attaching, calls of functions, registers, core files.
# needs: gdb gcc
# limit: 300
set -u
cat > t.c <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
volatile int counter, is_done;
double half = 0.5;
int add(int a, int b) { int sum = a + b; counter = sum; return sum; }
void *work(void *arg) {
    for (int i = 0; i < 3; i++) add((int)(long)arg, i);
    if (arg) is_done = 1;
    while (!is_done) usleep(1000);
    return NULL;
}
void threads(void) {
    pthread_t t[2];
    for (long i = 0; i < 2; i++) pthread_create(&t[i], NULL, work, (void *)(i * 100));
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
}
int main(int argc, char **argv) {
    double d = half * argc;
    for (int i = 0; i < 3; i++) {
        add(i, 40);
    }
    counter = 7;
    printf("counter %d, %.1f\n", add(40, 2), d);
    fflush(stdout);
    if (argc > 1 && argv[1][0] == 't') threads();
    if (argc > 1 && argv[1][0] == 'f') {
        int status;
        pid_t pid = fork();
        if (pid == 0) { add(1, 1); _exit(9); }
        waitpid(pid, &status, 0);
        FILE *result = fopen("result", "w");
        fprintf(result, "child %d\n", WEXITSTATUS(status));
        fclose(result);
    }
    if (argc > 1 && argv[1][0] == 'c') abort();
    if (argc > 1 && argv[1][0] == 's') for (;;) pause();
    return counter == 42 ? 0 : 1;
}
C
gcc -g -O0 -pthread t.c -o t
# Addresses, ids and the order of threads are not compared.
plain() { sed -E 's/0x[0-9a-f]{6,}/ADDR/g; s/LWP [0-9]+/LWP/g; s/process [0-9]+/process N/g; s/pid=[0-9]+/pid=N/; s/expected=[0-9]+/expected=N/; s/ +/ /g; s/^Using host libthread_db.*//' "$@" | sed '/^$/d'; }
debug() {
    printf '%s\n' 'set pagination off' 'set debuginfod enabled off' 'set width 0' 'set confirm off' 'set print thread-events off' > script; cat >> script
    gdb -q -nx -batch -x script "$@" < /dev/null 2>&1 | plain
}
echo "== breakpoints and steps"; debug ./t <<'G'
break add if a == 40
tbreak main
run
next
next
step
backtrace
up
info locals
continue
finish
print $
print add(20, 3)
set var counter = 42
stepi
info line
continue
G
echo "== watchpoints"; debug ./t <<'G'
break main
run
watch counter
continue
continue
continue
info watchpoints
delete
hbreak add if a == 40
continue
continue
G
echo "== software watchpoints"; debug ./t <<'G'
set can-use-hw-watchpoints 0
break add
run
watch counter
continue
continue
delete
continue
G
echo "== registers"; debug ./t <<'G'
break add
run
print $rdi
print $eflags & 0x100
print/x $cs
print $xmm0.v2_double[0]
print $st0
set $xmm1.v2_double[1] = 2.5
print $xmm1.v2_double[1]
set $rsi = 41
print $sp > 0 && $pc == &add + 10
x/i &main
kill
G
echo "== threads"; debug --args ./t t <<'G' | grep -v '^#' | sort | uniq -c
break add if a == 100 && b == 2
run
print counter >= 0
thread apply all print 1
continue
G
for mode in parent child; do
echo "== follow $mode"; debug --args ./t f <<G
set follow-fork-mode $mode
break add if b == 1
catch fork
run
continue
continue
continue
G
until test -s result; do sleep 0.02; done; cat result; rm result
done
echo "== both"; debug --args ./t f <<'G' | grep -vE '^#0 (ADDR|_|arch)|No such file'
set detach-on-fork off
set schedule-multiple on
break add if b == 1
run
info inferiors
backtrace
set schedule-multiple off
continue
inferior 1
continue
G
cat result
echo "== calls, signals, exec"; debug --args sh -c 'kill -USR1 $$; exec ./t' <<'G'
catch exec
catch syscall kill
handle SIGUSR1 stop print nopass
run
continue
continue
continue
break add
continue
info program
kill
G
echo "== core"; ulimit -c 0; debug --args ./t c <<'G' | grep -v warning
run
gcore core.test
G
debug ./t core.test <<'G' | grep terminated
G
echo "== attached"; ./t s > out & pid=$!
until test -s out; do sleep 0.02; done
debug -p $pid <<'G' | grep -E 'main|pause|Inferior|\$'
frame function main
print counter
print argc
detach
G
until grep -q 'State:.S' /proc/$pid/status; do sleep 0.02; done; grep TracerPid /proc/$pid/status; kill $pid; wait $pid 2> /dev/null; echo "code $?"
