# strace: a program's calls, of its children and threads; counts of a make; attaching; errors and signals thrown in.
# What is compared: the calls with their results, without addresses and ids.
# needs: strace gcc make
# limit: 240
set -u
plain() {
    sed -E 's/0x[0-9a-f]{5,}/ADDR/g; s/ +/ /g; s/[0-9]+ vars/N vars/; s/"(\\x[0-9a-f]{2})+", /"BYTES", /
        s/si_pid=[0-9]+/si_pid=N/; s/parent_tid=\[[0-9]+/parent_tid=[N/; s/tgkill\([0-9]+, [0-9]+/tgkill(N, N/; s/^kill\([0-9]+/kill(N/
        s/^(set_tid_address|gettid|getpid|clone|clone3|vfork|wait4)(\(.*\)) = [0-9]+$/\1\2 = N/; s/, [0-9]+, NULL, FUTEX_BITSET/, N, NULL, FUTEX_BITSET/' "$@"
}
cat > one.c <<'C'
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static void on(int n) { (void)n; }
static void *thread(void *x) { char b[4]; int fd = open("/etc/passwd", O_RDONLY); read(fd, b, 4); close(fd); return x; }
int main(void) {
    int fds[2], status;
    signal(SIGUSR1, on);
    raise(SIGUSR1);
    pipe(fds);
    if (fork() == 0) { write(fds[1], "child\n", 6); _exit(3); }
    wait(&status);
    char text[8];
    write(1, text, read(fds[0], text, 8));
    if (vfork() == 0) { execl("/bin/echo", "echo", "executed", (char *)0); _exit(1); }
    wait(&status);
    pthread_t t;
    pthread_create(&t, 0, thread, 0);
    pthread_join(t, 0);
    close(-1);
    kill(getpid(), SIGTERM);
}
C
gcc -O1 -w -pthread one.c -o one
strace -ff -o log ./one; echo "code $?"
# Who is first is chance: SIGCHLD comes before the wait or within it, and one joins a thread that has ended or waits.
for file in $(ls log.* | sort -t. -k2 -n); do
    echo "== a process"
    plain $file | grep -v -e '^--- SIGCHLD' -e FUTEX_WAIT
    grep -c '^--- SIGCHLD' $file
done
echo "== all in one"
strace -f -qq -e trace=execve,write,exit_group -e signal=none -o all ./one; echo "code $?"
sed -E 's/^[0-9]+ +//' all | plain | sort
echo "== counts"
bash "$REAL/data/make-project.sh" 6
strace -f -c -o counts make -s; ./program
awk '$NF ~ /^(execve|vfork|exit_group|rename|chmod)$/ { print $NF, $4 }' counts | sort
make -s clean; make -s; strace -f -o /dev/null make -q; echo "up to date: $?"
echo "== thrown in"
strace -qq -e trace=none -e inject=write:error=ENOSPC:when=1 sh -c 'echo lost; echo "code $?" >&2' 2>&1
strace -qq -e trace=none -e inject=getppid:signal=USR1:when=1 -o /dev/null perl -e '$SIG{USR1} = sub { print "signal\n" }; getppid; print "done\n"'
strace -qq -e trace=getppid -e inject=getppid:retval=4711 -o /dev/null perl -e 'print getppid, "\n"'
echo "== attached"
cat > busy.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *thread(void *x) { for (;;) { getppid(); usleep(1000); } return x; }
int main(void) { pthread_t t; for (int i = 0; i < 3; i++) pthread_create(&t, 0, thread, 0); puts("ready"); fflush(stdout); thread(0); }
C
gcc -O1 -w -pthread busy.c -o busy
./busy > ready & busy=$!
until grep -qs ready ready; do sleep 0.02; done
strace -f -p $busy -e trace=getppid -o seen 2> messages & strace=$!
threads() { cut -d' ' -f1 seen | sort -u | wc -l; }
until [ "$(threads)" = 4 ] && [ "$(grep -c getppid seen)" -gt 50 ]; do sleep 0.05; done 2> /dev/null
kill $strace; wait $strace; echo "strace: $?"; sed -E 's/[0-9]+/N/g' messages | sort -u
kill -0 $busy && echo alive; grep TracerPid /proc/$busy/status; kill $busy; wait $busy 2> /dev/null; echo "busy: $?"
