// ptrace(2): stops at calls, and their information.
#include "trace.h"
#include <linux/audit.h>

static void to_call(pid_t pid) {
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGTRAP | 0x80);
}

// Entry of the next call with this number.
static void to_call_of(pid_t pid, long number) {
    for (;;) {
        to_call(pid);
        if ((long)regs_of(pid).orig_rax == number) return;
        to_call(pid);
    }
}

static pid_t marked(pid_t pid) {
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    return pid;
}

TEST(entry_and_exit) {
    pid_t pid = marked(TRACED(_exit(syscall(SYS_getppid) == getppid())));
    to_call_of(pid, SYS_getppid);
    struct user_regs_struct regs = regs_of(pid);
    CHECK_EQ((long)regs.rax, -ENOSYS);
    CHECK_EQ(message_of(pid), 1);
    siginfo_t info = info_of(pid);
    CHECK_EQ(info.si_signo, SIGTRAP);
    CHECK_EQ(info.si_code, SIGTRAP | 0x80);
    CHECK_EQ(info.si_pid, pid);
    to_call(pid);
    regs = regs_of(pid);
    CHECK_EQ(regs.rax, getpid());
    CHECK_EQ(regs.orig_rax, SYS_getppid);
    CHECK_EQ(message_of(pid), 2);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

TEST(unmarked) {
    pid_t pid = TRACED(syscall(SYS_getppid));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(info_of(pid).si_code, SIGTRAP);
    kill_tracee(pid);
}

TEST(result_changed) {
    pid_t pid = marked(TRACED(_exit(syscall(SYS_getppid) == 77 ? 5 : 6)));
    to_call_of(pid, SYS_getppid);
    to_call(pid);
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 77);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 5);
}

TEST(number_changed) {
    pid_t pid = marked(TRACED(long got = syscall(SYS_getppid, -1, 0, 0); _exit(got == getpid() ? 5 : 6)));
    to_call_of(pid, SYS_getppid);
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), SYS_getpid);
    to_call(pid);
    CHECK_EQ(regs_of(pid).rax, pid);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 5);
}

TEST(argument_changed) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = marked(TRACED(CHECK_EQ(write(fds[1], "abc", 3), 2)));
    to_call_of(pid, SYS_write);
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rdx), 2);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
    char text[4];
    CHECK_EQ(read(fds[0], text, 4), 2);
}

TEST(skipped) {
    pid_t pid = marked(TRACED(
        long got = syscall(SYS_getppid);
        CHECK(got == -1 && errno == ENOSYS);
        CHECK_EQ(syscall(SYS_getppid), 1234)));
    for (int i = 0; i < 2; i++) {
        to_call_of(pid, SYS_getppid);
        PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1);
        if (i == 1) PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 1234);
        to_call(pid);
        CHECK_EQ((long)regs_of(pid).rax, i ? 1234 : -ENOSYS);
    }
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(no_such_call) {
    pid_t pid = marked(TRACED(CHECK_ERRNO(syscall(5000), ENOSYS)));
    to_call_of(pid, 5000);
    to_call(pid);
    CHECK_EQ((long)regs_of(pid).rax, -ENOSYS);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(emulated) {
    pid_t pid = marked(TRACED(CHECK_EQ(syscall(SYS_getppid), 99); CHECK_EQ(syscall(SYS_getppid), getppid())));
    for (;;) {
        go_on(pid, PTRACE_SYSEMU, 0);
        STOPS(pid, SIGTRAP | 0x80);
        struct user_regs_struct regs = regs_of(pid);
        if (regs.orig_rax == SYS_getppid) break;
        // Others are made after all: go back and let it run.
        regs.rip -= 2;
        regs.rax = regs.orig_rax;
        regs.orig_rax = -1;
        PTRACE(PTRACE_SETREGS, pid, 0, &regs);
        to_call(pid);
        to_call(pid);
    }
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 99);
    // There is no stop after it; the next one is before the next call.
    go_on(pid, PTRACE_SYSEMU, 0);
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_getppid);
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), getpid());
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(signal_sent) {
    // A signal at a stop of a call is sent, and stops in its turn.
    pid_t pid = marked(TRACED(syscall(SYS_getppid)));
    to_call_of(pid, SYS_getppid);
    go_on(pid, PTRACE_SYSCALL, SIGUSR1);
    STOPS(pid, SIGTRAP | 0x80);
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGUSR1);
    CHECK_EQ(info_of(pid).si_code, SI_KERNEL);
    kill_tracee(pid);
}

TEST(interrupted_call) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = marked(TRACED(char c; CHECK_EQ(read(fds[0], &c, 1), 1)));
    to_call_of(pid, SYS_read);
    go_on(pid, PTRACE_SYSCALL, 0);
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ((long)regs_of(pid).rax, -512);
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGUSR1);
    CHECK_EQ((long)regs_of(pid).rax, -512);
    // Made again.
    to_call(pid);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_read);
    CHECK_EQ((long)regs_of(pid).rax, -ENOSYS);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    to_call(pid);
    CHECK_EQ(regs_of(pid).rax, 1);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(restart_block) {
    pid_t pid = marked(TRACED(struct timespec t = {1, 0}; CHECK_EQ(syscall(SYS_nanosleep, &t, NULL), 0)));
    to_call_of(pid, SYS_nanosleep);
    go_on(pid, PTRACE_SYSCALL, 0);
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ((long)regs_of(pid).rax, -516);
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGUSR1);
    to_call(pid);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_restart_syscall);
    to_call(pid);
    CHECK_EQ(regs_of(pid).rax, 0);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

struct info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t ip, sp;
    union {
        struct {
            uint64_t nr, args[6];
        } entry;
        struct {
            int64_t rval;
            uint8_t is_error;
        } exit;
        uint64_t words[8];
    };
};

TEST(syscall_info) {
    pid_t pid = marked(TRACED(syscall(SYS_close, 0x12345, 2, 3, 4, 5, 6)));
    struct info info;
    CHECK_EQ(PTRACE(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info), 24);
    CHECK_EQ(info.op, 0);
    CHECK_EQ(info.arch, AUDIT_ARCH_X86_64);
    struct user_regs_struct regs = regs_of(pid);
    CHECK(info.ip == regs.rip && info.sp == regs.rsp);
    to_call_of(pid, SYS_close);
    memset(&info, 0xaa, sizeof info);
    CHECK_EQ(PTRACE(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info), 80);
    CHECK_EQ(info.op, 1);
    CHECK_EQ(info.entry.nr, SYS_close);
    CHECK_EQ(info.entry.args[0], 0x12345);
    for (int i = 1; i < 6; i++) CHECK_EQ(info.entry.args[i], i + 1);
    // Short of room: as much as fits, and the length of the whole.
    memset(&info, 0xaa, sizeof info);
    CHECK_EQ(PTRACE(PTRACE_GET_SYSCALL_INFO, pid, 32, &info), 80);
    CHECK_EQ(info.entry.nr, SYS_close);
    CHECK_EQ(info.entry.args[0], 0xaaaaaaaaaaaaaaaa);
    PTRACE_FAILS(PTRACE_GET_SYSCALL_INFO, pid, 80, 8, EFAULT);
    to_call(pid);
    CHECK_EQ(PTRACE(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info), 33);
    CHECK_EQ(info.op, 2);
    CHECK_EQ(info.exit.rval, -EBADF);
    CHECK_EQ(info.exit.is_error, 1);
    kill_tracee(pid);
}

TEST(sigreturn) {
    pid_t pid = marked(TRACED(signal(SIGUSR1, exit); raise(SIGUSR2)));
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR2);
    kill_tracee(pid);
}

TEST(exec) {
    pid_t pid = marked(TRACED(execl("/bin/true", "true", NULL); _exit(99)));
    to_call_of(pid, SYS_execve);
    struct user_regs_struct before = regs_of(pid);
    // The old way: a SIGTRAP of the new program; the call returns before it.
    to_call(pid);
    struct user_regs_struct regs = regs_of(pid);
    CHECK_EQ(regs.rax, 0);
    CHECK_EQ(regs.orig_rax, SYS_execve);
    CHECK(regs.rip != before.rip);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(info_of(pid).si_code, SI_USER);
    CHECK_EQ(info_of(pid).si_pid, pid);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(proc_syscall) {
    pid_t pid = marked(TRACED(syscall(SYS_getppid, 1, 2, 3, 4, 5, 6)));
    to_call_of(pid, SYS_getppid);
    char path[64], want[300];
    struct user_regs_struct regs = regs_of(pid);
    snprintf(path, sizeof path, "/proc/%d/syscall", pid);
    snprintf(want, sizeof want, "%ld 0x1 0x2 0x3 0x4 0x5 0x6 0x%llx 0x%llx\n", (long)SYS_getppid, regs.rsp, regs.rip);
    CHECK_STR(read_text(path), want);
    kill_tracee(pid);
}

TEST(a_handler_returns) {
    // What sigreturn brings back is the result of the call that was interrupted, not a call's.
    pid_t pid = marked(TRACED(handle(SIGUSR1, (void (*)(int))syscall, 0); raise(SIGUSR1)));
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    go_on(pid, PTRACE_SYSCALL, SIGUSR1);
    // syscall(SIGUSR1) is lstat; then the handler returns.
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).orig_rax, SIGUSR1);
    to_call(pid);
    to_call(pid);
    CHECK_EQ(regs_of(pid).orig_rax, SYS_rt_sigreturn);
    to_call(pid);
    CHECK_EQ(regs_of(pid).rax, 0);
    CHECK_EQ((long)regs_of(pid).orig_rax, -1);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}
