// ptrace(2): how tracing begins and ends, who may trace whom.
#include "trace.h"
#include <grp.h>

TEST(traceme) {
    pid_t pid = TRACED(_exit(7));
    STOPS(pid, SIGSTOP);
    CHECK_EQ(tracer_of(pid), getpid());
    CHECK_EQ(state_of(pid), 't');
    PTRACE_FAILS(PTRACE_ATTACH, pid, 0, 0, EPERM);
    PTRACE_FAILS(PTRACE_SEIZE, pid, 0, 0, EPERM);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 7);
}

TEST(traceme_twice) {
    reap(FORK(PTRACE(PTRACE_TRACEME, 0, 0, 0); PTRACE_FAILS(PTRACE_TRACEME, 0, 0, 0, EPERM)));
}

TEST(attach) {
    pid_t pid = FORK(for (;;) pause());
    PTRACE(PTRACE_ATTACH, pid, 0, 0);
    STOPS(pid, SIGSTOP);
    CHECK_EQ(tracer_of(pid), getpid());
    siginfo_t info = info_of(pid);
    CHECK_EQ(info.si_signo, SIGSTOP);
    CHECK_EQ(info.si_code, SI_KERNEL);
    PTRACE(PTRACE_DETACH, pid, 0, 0);
    CHECK_EQ(tracer_of(pid), 0);
    wait_asleep(pid);
    kill(pid, SIGTERM);
    dies_by(pid, SIGTERM);
}

TEST(detach_with_signal) {
    pid_t pid = TRACED(for (;;) pause());
    STOPS(pid, SIGSTOP);
    PTRACE_FAILS(PTRACE_DETACH, pid, 0, 65, EIO);
    PTRACE(PTRACE_DETACH, pid, 0, SIGUSR1);
    dies_by(pid, SIGUSR1);
}

// A process that is stopped when it is attached to: the stop becomes one for the tracer at once.
TEST(attach_stopped) {
    pid_t pid = FORK(for (;;) pause());
    kill(pid, SIGSTOP);
    int status;
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    PTRACE(PTRACE_ATTACH, pid, 0, 0);
    CHECK_EQ(state_of(pid), 't');
    CHECK_EQ(waitpid(pid, &status, WNOHANG), pid);
    CHECK_EQ(status >> 8, SIGSTOP);
    // That is a stop of the process: no signal.
    siginfo_t info;
    PTRACE_FAILS(PTRACE_GETSIGINFO, pid, 0, &info, EINVAL);
    go_on(pid, PTRACE_CONT, 0);
    // The signal of PTRACE_ATTACH itself.
    STOPS(pid, SIGSTOP);
    CHECK_EQ(info_of(pid).si_signo, SIGSTOP);
    PTRACE(PTRACE_DETACH, pid, 0, 0);
    // The process is still stopped.
    WAIT_UNTIL(state_of(pid) == 'T');
    kill(pid, SIGCONT);
    WAIT_UNTIL(state_of(pid) == 'S');
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
}

TEST(seize) {
    pid_t pid = FORK(for (;;) pause());
    PTRACE_FAILS(PTRACE_SEIZE, pid, 1, 0, EIO);
    PTRACE_FAILS(PTRACE_SEIZE, pid, 0, 1 << 19, EIO);
    PTRACE(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD);
    wait_asleep(pid);
    CHECK_EQ(tracer_of(pid), getpid());
    int status;
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    PTRACE_FAILS(PTRACE_CONT, pid, 0, 0, ESRCH);
    PTRACE(PTRACE_INTERRUPT, pid, 0, 0);
    STOPS(pid, EVENT(STOP));
    siginfo_t info = info_of(pid);
    CHECK_EQ(info.si_signo, SIGTRAP);
    CHECK_EQ(info.si_code, EVENT(STOP));
    CHECK_EQ(info.si_pid, pid);
    // Once more while it is stopped: another stop follows.
    PTRACE(PTRACE_INTERRUPT, pid, 0, 0);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(STOP));
    go_on(pid, PTRACE_SYSCALL, 0);
    // pause is made again.
    STOPS(pid, SIGTRAP | 0x80);
    PTRACE(PTRACE_DETACH, pid, 0, SIGTERM);
    dies_by(pid, SIGTERM);
}

TEST(seize_stopped) {
    pid_t pid = FORK(for (;;) pause());
    kill(pid, SIGSTOP);
    int status;
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    PTRACE(PTRACE_SEIZE, pid, 0, 0);
    STOPS(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
    kill_tracee(pid);
}

TEST(only_for_tracees) {
    pid_t pid = FORK(for (;;) pause());
    long word;
    for (int number = PTRACE_PEEKTEXT; number <= PTRACE_SINGLESTEP; number++)
        if (number != 10 && number != 11) PTRACE_FAILS(number, pid, 0, &word, ESRCH);
    PTRACE_FAILS(PTRACE_GETREGS, pid, 0, &word, ESRCH);
    PTRACE_FAILS(PTRACE_DETACH, pid, 0, 0, ESRCH);
    PTRACE_FAILS(PTRACE_INTERRUPT, pid, 0, 0, ESRCH);
    PTRACE_FAILS(PTRACE_LISTEN, pid, 0, 0, ESRCH);
    PTRACE_FAILS(PTRACE_SETOPTIONS, pid, 0, 0, ESRCH);
    PTRACE_FAILS(12345, pid, 0, 0, ESRCH);
    PTRACE_FAILS(PTRACE_CONT, 0x7ffffff0, 0, 0, ESRCH);
    PTRACE_FAILS(PTRACE_ATTACH, 0x7ffffff0, 0, 0, ESRCH);
    PTRACE_FAILS(PTRACE_ATTACH, getpid(), 0, 0, EPERM);
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
    // A stopped child of ours that we do not trace is none either.
    pid = FORK(raise(SIGSTOP));
    int status;
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, &word, &word, ESRCH);
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
}

TEST(unknown_request) {
    pid_t pid = TRACED();
    STOPS(pid, SIGSTOP);
    PTRACE_FAILS(12345, pid, 0, 0, EIO);
    PTRACE_FAILS(PTRACE_CONT, pid, 0, 65, EIO);
    PTRACE_FAILS(PTRACE_INTERRUPT, pid, 0, 0, EIO);
    PTRACE_FAILS(PTRACE_LISTEN, pid, 0, 0, EIO);
    // GET_THREAD_AREA of a descriptor that can't be.
    PTRACE_FAILS(25, pid, -1, 0, EIO);
    PTRACE_FAILS(26, pid, -1, 0, EIO);
    kill_tracee(pid);
}

TEST(a_zombie) {
    pid_t pid = FORK();
    WAIT_UNTIL(state_of(pid) == 'Z');
    PTRACE_FAILS(PTRACE_ATTACH, pid, 0, 0, EPERM);
    PTRACE_FAILS(PTRACE_SEIZE, pid, 0, 0, EPERM);
    reap(pid);
}

static void become(int id) {
    OK(setgroups(0, NULL));
    OK(setresgid(id, id, id));
    OK(setresuid(id, id, id));
    OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

// The process `target` as seen by one with id `id`: may it be traced?
static bool may_trace(pid_t target, int id) {
    pid_t pid = FORK(
        if (id) become(id);
        if (request(PTRACE_SEIZE, target, 0, 0) == 0) _exit(1);
        CHECK_EQ(errno, EPERM));
    int status = status_of(pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status) == 1;
}

TEST(rights) {
    if (geteuid() != 0) SKIP("needs root");
    volatile int *ready = shared_page();
    pid_t same = FORK(become(1000); ready[0] = 1; for (;;) pause());
    pid_t closed = FORK(become(1000); OK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); ready[1] = 1; for (;;) pause());
    pid_t mixed = FORK(OK(setgroups(0, NULL)); OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 0));
                       OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); ready[2] = 1; for (;;) pause());
    pid_t other = FORK(become(1001); ready[3] = 1; for (;;) pause());
    WAIT_UNTIL(ready[0] && ready[1] && ready[2] && ready[3]);
    CHECK(may_trace(same, 1000));
    CHECK(!may_trace(closed, 1000));
    CHECK(!may_trace(mixed, 1000));
    CHECK(!may_trace(other, 1000));
    pid_t all[] = {same, closed, mixed, other};
    for (int i = 0; i < 4; i++) {
        CHECK(may_trace(all[i], 0));
        CHECK_EQ(kill(all[i], SIGKILL), 0);
        dies_by(all[i], SIGKILL);
    }
}

// A set-user-id program does not get its rights from a tracer without any.
TEST(set_user_id) {
    if (geteuid() != 0) SKIP("needs root");
    char self[PATH_MAX];
    ssize_t n = OK(readlink("/proc/self/exe", self, sizeof self - 1));
    self[n] = 0;
    char line[PATH_MAX + 100];
    snprintf(line, sizeof line, "cp /usr/bin/id ./setuid && chmod 4755 setuid && chmod 755 .");
    CHECK_EQ(system(line), 0);
    int fds[2];
    OK(pipe(fds));
    pid_t tracer = FORK(
        become(1000);
        pid_t pid = TRACED(dup2(fds[1], 1); execl("./setuid", "id", "-u", NULL); _exit(99));
        STOPS(pid, SIGSTOP);
        go_on(pid, PTRACE_CONT, 0);
        STOPS(pid, SIGTRAP);
        go_on(pid, PTRACE_CONT, 0);
        exits_with(pid, 0));
    reap(tracer);
    char text[20] = "";
    CHECK(OK(read(fds[0], text, sizeof text - 1)) > 0);
    CHECK_STR(text, "1000\n");
}

TEST(kill_request) {
    pid_t pid = TRACED(for (;;) pause());
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_KILL, pid, 0, 0);
    dies_by(pid, SIGKILL);
    // It does not need to be stopped.
    pid = TRACED(for (;;) pause());
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    wait_asleep(pid);
    PTRACE(PTRACE_KILL, pid, 0, 0);
    dies_by(pid, SIGKILL);
}

TEST(killed_while_stopped) {
    pid_t pid = TRACED(for (;;) pause());
    STOPS(pid, SIGSTOP);
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
    long word;
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, &word, &word, ESRCH);
}

// The tracer's end lets its tracees go on, or takes them with it.
TEST(tracer_dies) {
    volatile pid_t *pids = shared_page();
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    for (int kills = 0; kills < 2; kills++) {
        pids[0] = 0;
        pid_t tracer = FORK(
            pid_t pid = TRACED(for (;;) pause());
            STOPS(pid, SIGSTOP);
            if (kills) PTRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL);
            pids[0] = pid);
        reap(tracer);
        if (kills) {
            dies_by(pids[0], SIGKILL);
        } else {
            CHECK_EQ(tracer_of(pids[0]), 0);
            WAIT_UNTIL(state_of(pids[0]) == 'S');
            kill(pids[0], SIGTERM);
            dies_by(pids[0], SIGTERM);
        }
    }
}

// It is the thread that traces, not its process.
static void *trace_in_thread(void *arg) {
    pid_t pid = *(pid_t *)arg;
    PTRACE(PTRACE_ATTACH, pid, 0, 0);
    STOPS(pid, SIGSTOP);
    CHECK_EQ(tracer_of(pid), my_tid());
    return NULL;
}

TEST(a_thread_traces) {
    pid_t pid = FORK(for (;;) pause());
    join_thread(start_thread(trace_in_thread, &pid));
    WAIT_UNTIL(tracer_of(pid) == 0);
    kill(pid, SIGTERM);
    dies_by(pid, SIGTERM);
}

static volatile int done;
static void *hold_tracee(void *arg) {
    trace_in_thread(arg);
    done = 1;
    while (done == 1) usleep(1000);
    request(PTRACE_KILL, *(pid_t *)arg, 0, 0);
    dies_by(*(pid_t *)arg, SIGKILL);
    return NULL;
}

TEST(another_thread_may_not) {
    pid_t pid = FORK(for (;;) pause());
    pthread_t thread = start_thread(hold_tracee, &pid);
    WAIT_UNTIL(done == 1);
    long word;
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, &word, &word, ESRCH);
    int status;
    // Nothing has happened since; but it is there for us too, as we are its parent.
    CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
    done = 2;
    join_thread(thread);
}

// The tracer sees the end first, then the parent.
TEST(tracer_reaps_first) {
    volatile pid_t *shared = shared_page();
    pid_t pid = FORK(while (!shared[1]) usleep(1000); _exit(5));
    pid_t tracer = FORK(
        PTRACE(PTRACE_SEIZE, pid, 0, 0);
        shared[0] = 1;
        WAIT_UNTIL(state_of(pid) == 'Z');
        usleep(20000);
        shared[2] = 1;
        while (!shared[3]) usleep(1000);
        exits_with(pid, 5));
    WAIT_UNTIL(shared[0]);
    shared[1] = 1;
    WAIT_UNTIL(shared[2]);
    int status;
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    siginfo_t info = {0};
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    CHECK_EQ(info.si_pid, 0);
    shared[3] = 1;
    reap(tracer);
    exits_with(pid, 5);
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
}
