// What the parts cost that nobody can do without who keeps a program in one process and its kernel in another:
// `floor [one]` prints "ROW nanoseconds ns", on plain Linux, with `one` as for a single core. See ARCHITECTURE.md, "What
// it costs".
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"

enum { SLOTS = 1 << 20, FRAME = 3328 };
// What the asker wants of the worker.
enum { NOTHING, ANSWER, FORK, THREAD };

static int spins = 1 << 10;
static struct shared {
    volatile uint32_t asked, answered, child;
    volatile int what, pid;
} *shared;
static int slots, pair[2];
static char *place;

// Waits as the sentry and the stub do: looks, and then gives way.
static void await(volatile uint32_t *word, uint32_t value) {
    for (;;) {
        for (int i = 0; i < spins; i++) {
            if (*word == value) return;
            __builtin_ia32_pause();
        }
        sched_yield();
    }
}

// A new process of the worker: it maps its own memory and reports.
static void in_child(void) {
    if (mmap(place, SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, slots, 0) == MAP_FAILED) _exit(1);
    *place = 1;
    shared->child++;
    for (;;) pause();
}

static void *in_thread(void *no) {
    (void)no;
    shared->child++;
    return NULL;
}

// Does what it is asked, by turns, for ever.
static void work(void) {
    for (uint32_t turn = 1;; turn++) {
        await(&shared->asked, turn);
        if (shared->what == FORK) {
            pid_t pid = syscall(SYS_clone, CLONE_PARENT, 0, 0, 0, 0);
            if (pid == 0) in_child();
            shared->pid = pid;
        } else if (shared->what == THREAD) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, in_thread, NULL) || pthread_join(thread, NULL)) _exit(1);
        }
        shared->answered = turn;
    }
}

static void ask(int what) {
    shared->what = what;
    uint32_t turn = shared->asked + 1;
    shared->asked = turn;
    await(&shared->answered, turn);
}

static void op_hand_over(void) { ask(ANSWER); }

static void op_process(void) {
    uint32_t next = shared->child + 1;
    ask(FORK);
    if (shared->pid < 0) fail("clone");
    await(&shared->child, next);
    kill(shared->pid, SIGKILL);
    if (waitpid(shared->pid, NULL, 0) < 0) fail("waitpid");
}

static void op_thread(void) {
    uint32_t next = shared->child + 1;
    ask(THREAD);
    await(&shared->child, next);
}

// A descriptor goes to another process, is mapped there and closed.
static void op_descriptor(void) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec io = {&byte, 1};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &slots, sizeof slots);
    if (sendmsg(pair[0], &message, 0) < 0 || recvmsg(pair[1], &message, 0) < 0) fail("sendmsg");
    int got;
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    if (mmap(place, SLOTS, PROT_READ, MAP_SHARED | MAP_FIXED, got, 0) == MAP_FAILED) fail("mmap");
    close(got);
}

// A frame with extended state is written to another process and read back.
static void op_frame(void) {
    static char frame[FRAME];
    struct iovec here = {frame, FRAME}, there = {place, FRAME};
    if (process_vm_writev(shared->pid, &here, 1, &there, 1, 0) != FRAME) fail("process_vm_writev");
    if (process_vm_readv(shared->pid, &here, 1, &there, 1, 0) != FRAME) fail("process_vm_readv");
}

static void on_trap(int number) { (void)number; }
static void op_trap(void) { syscall(SYS_getppid); }

static void measure(const char *name, void (*op)(void), int count) {
    int64_t times[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t start = now();
        for (int i = 0; i < count; i++) op();
        times[batch] = now() - start;
    }
    qsort(times, BATCHES, sizeof *times, by_value);
    printf("%s %.1f ns\n", name, (double)times[BATCHES / 2] / count);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "one") == 0) spins = 1;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    place = mmap(NULL, SLOTS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    slots = memfd_create("floor", MFD_CLOEXEC);
    if (slots < 0 || ftruncate(slots, SLOTS) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) fail("set up");
    pid_t worker = fork();
    if (worker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work();
    }
    measure("hand-over", op_hand_over, 20000);
    measure("process", op_process, 300);
    measure("thread", op_thread, 1000);
    shared->pid = worker;
    measure("frame", op_frame, 20000);
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    measure("descriptor", op_descriptor, 20000);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    signal(SIGSYS, on_trap);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        fail("seccomp");
    measure("trap", op_trap, 20000);
}
