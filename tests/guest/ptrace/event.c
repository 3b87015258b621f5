// ptrace(2): events, children that are traced too, execve.
#include "trace.h"
#include <sys/wait.h>

static pid_t with_options(pid_t pid, unsigned long options) {
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, options);
    return pid;
}

TEST(options) {
    pid_t pid = TRACED();
    STOPS(pid, SIGSTOP);
    PTRACE_FAILS(PTRACE_SETOPTIONS, pid, 0, 1 << 8, EINVAL);
    PTRACE_FAILS(PTRACE_SETOPTIONS, pid, 0, 1ul << 40, EINVAL);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, 0xff | PTRACE_O_EXITKILL);
    // PTRACE_OLDSETOPTIONS.
    PTRACE(21, pid, 0, PTRACE_O_TRACESYSGOOD);
    kill_tracee(pid);
}

TEST(fork_event) {
    pid_t pid = with_options(TRACED(pid_t child = FORK(_exit(3)); CHECK_EQ(WEXITSTATUS(status_of(child)), 3)),
                             PTRACE_O_TRACEFORK);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(FORK));
    pid_t child = message_of(pid);
    siginfo_t info = info_of(pid);
    CHECK_EQ(info.si_signo, SIGTRAP);
    CHECK_EQ(info.si_code, EVENT(FORK));
    CHECK_EQ((long)regs_of(pid).rax, -ENOSYS);
    STOPS(child, SIGSTOP);
    CHECK_EQ(tracer_of(child), getpid());
    CHECK_EQ(regs_of(child).rax, 0);
    go_on(child, PTRACE_CONT, 0);
    exits_with(child, 3);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGCHLD);
    go_on(pid, PTRACE_CONT, SIGCHLD);
    exits_with(pid, 0);
}

TEST(fork_event_at_call) {
    pid_t pid = with_options(TRACED(FORK(); wait(NULL)), PTRACE_O_TRACEFORK | PTRACE_O_TRACESYSGOOD);
    int what;
    do {
        go_on(pid, PTRACE_SYSCALL, 0);
        what = stop_of(pid);
    } while (what == (SIGTRAP | 0x80));
    CHECK_EQ(what, EVENT(FORK));
    pid_t child = message_of(pid);
    // The call has not returned yet.
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).rax, child);
    STOPS(child, SIGSTOP);
    kill_tracee(child);
    kill_tracee(pid);
}

TEST(seized_fork) {
    pid_t pid = FORK(raise(SIGSTOP); FORK(_exit(3)); CHECK_EQ(wait(NULL) > 0, 1));
    int status;
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    PTRACE(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK);
    STOPS(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
    go_on(pid, PTRACE_CONT, 0);
    kill(pid, SIGCONT);
    int what;
    while ((what = stop_of(pid)) != EVENT(FORK)) go_on(pid, PTRACE_CONT, what == SIGCONT ? SIGCONT : 0);
    pid_t child = message_of(pid);
    // A seized child starts with a stop that is no signal.
    STOPS(child, EVENT(STOP));
    go_on(child, PTRACE_CONT, 0);
    exits_with(child, 3);
    kill_tracee(pid);
}

TEST(vfork_events) {
    pid_t pid = with_options(TRACED(if (vfork() == 0) _exit(0); wait(NULL)),
                             PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(VFORK));
    pid_t child = message_of(pid);
    STOPS(child, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    usleep(10000);
    int status;
    CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
    go_on(child, PTRACE_CONT, 0);
    exits_with(child, 0);
    STOPS(pid, EVENT(VFORK_DONE));
    CHECK_EQ(message_of(pid), child);
    kill_tracee(pid);
}

static int child_body(void *arg) {
    (void)arg;
    return 0;
}

TEST(clone_event) {
    static char stack[65536] __attribute__((aligned(16)));
    pid_t pid = with_options(TRACED(OK(clone(child_body, stack + sizeof stack, 0, NULL)); waitpid(-1, NULL, __WALL)),
                             PTRACE_O_TRACECLONE);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(CLONE));
    pid_t child = message_of(pid);
    STOPS(child, SIGSTOP);
    go_on(child, PTRACE_CONT, 0);
    exits_with(child, 0);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(clone_flags) {
    // CLONE_PTRACE without an option: traced, without an event. CLONE_UNTRACED against an option.
    pid_t pid = with_options(TRACED(pid_t child = OK(syscall(SYS_clone, CLONE_PTRACE | SIGCHLD, 0, 0, 0, 0));
                                    if (child == 0) _exit(0);
                                    raise(SIGUSR1);
                                    child = OK(syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0));
                                    if (child == 0) _exit(0);
                                    CHECK_EQ(waitpid(child, NULL, 0), child)),
                             0);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK);
    int status;
    pid_t child = waitpid(-1, &status, __WALL);
    CHECK(child > 0 && child != pid);
    CHECK_EQ(status >> 8, SIGSTOP);
    kill(child, SIGKILL);
    dies_by(child, SIGKILL);
    int what;
    for (go_on(pid, PTRACE_CONT, 0);; go_on(pid, PTRACE_CONT, 0)) {
        CHECK_EQ(waitpid(pid, &status, __WALL), pid);
        if (WIFEXITED(status)) break;
        what = status >> 8;
        CHECK_EQ(what, SIGCHLD);
    }
    CHECK_EQ(status, 0);
}

TEST(exec_event) {
    pid_t pid = with_options(TRACED(execl("/bin/true", "true", NULL); _exit(99)), PTRACE_O_TRACEEXEC);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(EXEC));
    CHECK_EQ(message_of(pid), pid);
    CHECK_EQ((long)regs_of(pid).rax, -ENOSYS);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(exec_of_a_seized_one) {
    // No event wanted, and no SIGTRAP either.
    volatile int *go = shared_page();
    pid_t pid = FORK(while (!*go) usleep(1000); execl("/bin/true", "true", NULL); _exit(99));
    PTRACE(PTRACE_SEIZE, pid, 0, 0);
    *go = 1;
    exits_with(pid, 0);
}

TEST(exit_event) {
    pid_t pid = with_options(TRACED(_exit(7)), PTRACE_O_TRACEEXIT);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(EXIT));
    CHECK_EQ(message_of(pid), 7 << 8);
    // Its memory and registers are still there.
    CHECK_EQ(regs_of(pid).orig_rax, SYS_exit_group);
    peek(pid, (void *)(regs_of(pid).rsp & ~7ul));
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 7);
}

TEST(exit_event_of_a_killed_one) {
    pid_t pid = with_options(TRACED(for (;;) pause()), PTRACE_O_TRACEEXIT);
    go_on(pid, PTRACE_CONT, 0);
    wait_asleep(pid);
    kill(pid, SIGKILL);
    STOPS(pid, EVENT(EXIT));
    CHECK_EQ(message_of(pid), SIGKILL);
    go_on(pid, PTRACE_CONT, 0);
    dies_by(pid, SIGKILL);
    // By a signal that the tracer let through.
    pid = with_options(TRACED(raise(SIGTERM)), PTRACE_O_TRACEEXIT);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTERM);
    go_on(pid, PTRACE_CONT, SIGTERM);
    STOPS(pid, EVENT(EXIT));
    CHECK_EQ(message_of(pid), SIGTERM);
    // It is dying already: a signal changes nothing, nor does it end this stop.
    kill(pid, SIGKILL);
    usleep(10000);
    CHECK_EQ(state_of(pid), 't');
    go_on(pid, PTRACE_CONT, 0);
    dies_by(pid, SIGTERM);
}

static void *forever(void *arg) {
    (void)arg;
    for (;;) pause();
    return NULL;
}

static void *execs(void *arg) {
    usleep(10000);
    execl("/bin/true", "true", NULL);
    _exit(99);
    return arg;
}

// Another thread than the first executes a program: it takes over the first one's id.
TEST(exec_in_a_thread) {
    pid_t pid = with_options(TRACED(start_thread(forever, NULL); start_thread(execs, NULL); forever(NULL)),
                             PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
    pid_t tids[2];
    for (int i = 0; i < 2; i++) {
        go_on(pid, PTRACE_CONT, 0);
        STOPS(pid, EVENT(CLONE));
        tids[i] = message_of(pid);
        STOPS(tids[i], SIGSTOP);
    }
    go_on(tids[0], PTRACE_CONT, 0);
    go_on(tids[1], PTRACE_CONT, 0);
    go_on(pid, PTRACE_CONT, 0);
    // The idle thread is dead; the others are one now.
    exits_with(tids[0], 0);
    STOPS(pid, EVENT(EXEC));
    CHECK_EQ(message_of(pid), tids[1]);
    PTRACE_FAILS(PTRACE_CONT, tids[1], 0, 0, ESRCH);
    int status;
    CHECK_ERRNO(waitpid(tids[1], &status, __WALL), ECHILD);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

// The same with a stop at each thread's end.
TEST(exec_in_a_thread_with_exits) {
    pid_t pid = with_options(TRACED(start_thread(execs, NULL); forever(NULL)),
                             PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(CLONE));
    pid_t tid = message_of(pid);
    STOPS(tid, SIGSTOP);
    go_on(tid, PTRACE_CONT, 0);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(EXIT));
    CHECK_EQ(message_of(pid), 0);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(EXEC));
    CHECK_EQ(message_of(pid), tid);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(EXIT));
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

static void *returns(void *arg) { return arg; }

TEST(threads_end) {
    pid_t pid = with_options(TRACED(join_thread(start_thread(returns, NULL)); _exit(4)),
                             PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(CLONE));
    pid_t tid = message_of(pid);
    STOPS(tid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    go_on(tid, PTRACE_CONT, 0);
    STOPS(tid, EVENT(EXIT));
    CHECK_EQ(message_of(tid), 0);
    go_on(tid, PTRACE_CONT, 0);
    // A thread's zombie stays until its tracer has seen it, though the process goes on.
    STOPS(pid, EVENT(EXIT));
    WAIT_UNTIL(state_of(tid) == 'Z');
    go_on(pid, PTRACE_CONT, 0);
    int status;
    WAIT_UNTIL(state_of(pid) == 'Z');
    // The first thread is not there to be reaped while others are.
    CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
    // Its status is the whole process's by now.
    exits_with(tid, 4);
    exits_with(pid, 4);
    CHECK_ERRNO(waitpid(tid, &status, __WALL), ECHILD);
}

TEST(first_thread_ends) {
    pid_t pid = TRACED(start_thread(forever, NULL); pthread_exit(NULL));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    WAIT_UNTIL(state_of(pid) == 'Z');
    int status;
    CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
}

TEST(attach_to_threads) {
    volatile pid_t *shared = shared_page();
    pid_t pid = FORK(
        for (int i = 0; i < 4; i++) start_thread(forever, NULL);
        shared[0] = 1;
        forever(NULL));
    WAIT_UNTIL(shared[0]);
    char path[64];
    pid_t tids[8];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    for (pid_t tid = pid; tid < pid + 64 && count < 5; tid++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%d", path, tid);
        if (access(name, F_OK) == 0) tids[count++] = tid;
    }
    CHECK_EQ(count, 5);
    for (int i = 0; i < 5; i++) {
        PTRACE(PTRACE_SEIZE, tids[i], 0, 0);
        PTRACE(PTRACE_INTERRUPT, tids[i], 0, 0);
        STOPS(tids[i], EVENT(STOP));
        CHECK_EQ(tracer_of(tids[i]), getpid());
    }
    for (int i = 0; i < 5; i++) PTRACE(PTRACE_DETACH, tids[i], 0, 0);
    kill(pid, SIGTERM);
    dies_by(pid, SIGTERM);
}

// A stop of the whole process: every seized thread says so.
TEST(group_stop_of_threads) {
    volatile pid_t *shared = shared_page();
    pid_t pid = FORK(start_thread(forever, NULL); shared[0] = 1; forever(NULL));
    WAIT_UNTIL(shared[0]);
    pid_t tid = pid;
    char name[96];
    do snprintf(name, sizeof name, "/proc/%d/task/%d", pid, ++tid);
    while (access(name, F_OK) != 0);
    PTRACE(PTRACE_SEIZE, pid, 0, 0);
    PTRACE(PTRACE_SEIZE, tid, 0, 0);
    kill(pid, SIGSTOP);
    int status;
    pid_t first = waitpid(-1, &status, __WALL);
    CHECK(first == pid || first == tid);
    CHECK_EQ(status >> 8, SIGSTOP);
    go_on(first, PTRACE_CONT, SIGSTOP);
    STOPS(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
    STOPS(tid, SIGSTOP | PTRACE_EVENT_STOP << 8);
    PTRACE(PTRACE_LISTEN, pid, 0, 0);
    PTRACE(PTRACE_LISTEN, tid, 0, 0);
    kill(pid, SIGCONT);
    STOPS(pid, EVENT(STOP));
    STOPS(tid, EVENT(STOP));
    kill(pid, SIGKILL);
    int ended = 0;
    while (ended < 2) {
        pid_t got = waitpid(-1, &status, __WALL);
        CHECK(got > 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ended++;
    }
}

TEST(nothread) {
    pid_t pid = TRACED(_exit(1));
    STOPS(pid, SIGSTOP);
    int status;
    CHECK_EQ(waitpid(-1, &status, WNOHANG | __WNOTHREAD | __WALL), 0);
    go_on(pid, PTRACE_CONT, 0);
    CHECK_EQ(waitpid(-1, &status, __WNOTHREAD | __WALL), pid);
    CHECK_EQ(WEXITSTATUS(status), 1);
}
