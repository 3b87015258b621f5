// ptrace(2): many tracers, tracees, signals and deaths at once. Whatever happens, everybody is reaped in the end.
#include "trace.h"

enum { TARGETS = 4, TRACERS = 3, RUN_MS = 2500 };

static unsigned seed;
static unsigned pick(unsigned below) {
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

static void nothing(int number) { (void)number; }

static void *busy(void *arg) {
    for (;;) {
        syscall(SYS_getppid);
        if (pick(16) == 0) usleep(200);
    }
    return arg;
}

static void *churn(void *arg) {
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, (void *(*)(void *))nothing, NULL) == 0) pthread_join(thread, NULL);
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        if (pid > 0) waitpid(pid, NULL, 0);
    }
    return arg;
}

static void target(unsigned number) {
    seed = number;
    handle(SIGUSR1, nothing, SA_RESTART);
    start_thread(busy, NULL);
    churn(NULL);
}

static const int requests[] = {PTRACE_CONT,       PTRACE_SYSCALL,  PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_GETFPREGS,
                               PTRACE_PEEKUSER,   PTRACE_INTERRUPT, PTRACE_LISTEN,     PTRACE_CONT,    PTRACE_SYSCALL,
                               PTRACE_GETSIGINFO, PTRACE_GETEVENTMSG, PTRACE_SINGLEBLOCK, PTRACE_SYSCALL, PTRACE_CONT};

// Tracers that stop each other would stay so.
static bool is_tracer(volatile pid_t *targets, pid_t pid) {
    for (int i = 0; i < TRACERS; i++)
        if (targets[TARGETS + i] == pid) return true;
    return false;
}

static void tracer(volatile pid_t *targets, unsigned number) {
    targets[TARGETS + number] = getpid();
    seed = 1000 + number;
    long room[128];
    int64_t end = now_ms() + RUN_MS;
    while (now_ms() < end) {
        pid_t pid = targets[pick(TARGETS)] + pick(3);
        if (is_tracer(targets, pid)) continue;
        unsigned long options = pick(2) ? 0xff : PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK;
        if (pick(2)) request(PTRACE_SEIZE, pid, 0, options);
        else request(PTRACE_ATTACH, pid, 0, 0);
        for (int i = 0; i < 60; i++) {
            int status;
            pid_t got = waitpid(-1, &status, __WALL | WNOHANG);
            if (got <= 0) {
                request(PTRACE_INTERRUPT, pid, 0, 0);
                usleep(100);
                continue;
            }
            if (!WIFSTOPPED(status)) continue;
            if (pick(20) == 0) request(PTRACE_DETACH, got, 0, 0);
            int signal = WSTOPSIG(status) & 0x7f;
            request(requests[pick(sizeof requests / sizeof *requests)], got, 0, (long)room);
            int how = pick(4) ? PTRACE_SYSCALL : PTRACE_CONT;
            request(how, got, 0, status >> 16 || signal == SIGTRAP ? 0 : signal);
        }
        if (pick(4) == 0) request(PTRACE_KILL, pid, 0, 0);
    }
}

TEST(crowd) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    volatile pid_t *targets = shared_page();
    pid_t tracers[TRACERS];
    for (unsigned i = 0; i < TARGETS; i++) targets[i] = FORK(target(i));
    for (unsigned i = 0; i < TRACERS; i++) tracers[i] = FORK(tracer(targets, i));
    for (int i = 0; i < TRACERS; i++) WAIT_UNTIL(targets[TARGETS + i] != 0);
    static const int signals[] = {SIGSTOP, SIGCONT, SIGUSR1, SIGCONT, SIGUSR1, SIGTSTP, SIGCONT};
    int64_t end = now_ms() + RUN_MS - 500;
    while (now_ms() < end) {
        int at = pick(TARGETS);
        if (pick(40) == 0) {
            kill(targets[at], SIGKILL);
            targets[at] = FORK(target(pick(1000)));
        } else {
            kill(targets[at], signals[pick(sizeof signals / sizeof *signals)]);
        }
        usleep(3000);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
    // One tracer dies in the middle of it, the others end by themselves.
    kill(tracers[0], SIGKILL);
    WAIT_UNTIL(waitpid(tracers[1], NULL, WNOHANG) != 0 && waitpid(tracers[2], NULL, WNOHANG) != 0);
    for (int i = 0; i < TARGETS; i++) kill(targets[i], SIGKILL);
    // What the targets have forked comes to us.
    while (waitpid(-1, NULL, __WALL | WNOHANG) >= 0 || errno != ECHILD) {
        kill(0, SIGCONT);
        usleep(1000);
    }
}
