// ptrace(2) and seccomp(2): SECCOMP_RET_TRACE.
#include "trace.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

// getppid is asked about, uname is refused, all else allowed.
static void filter(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0x1234),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog fprog = {sizeof program / sizeof *program, program};
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog));
}

TEST(nobody_to_ask) {
    reap(FORK(filter(); CHECK_ERRNO(syscall(SYS_getppid), ENOSYS)));
    // A tracer that did not ask for it is nobody.
    pid_t pid = TRACED(filter(); CHECK_ERRNO(syscall(SYS_getppid), ENOSYS));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

static pid_t asked(pid_t pid) {
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, EVENT(SECCOMP));
    return pid;
}

TEST(event) {
    pid_t pid = asked(TRACED(filter(); _exit(syscall(SYS_getppid, 1, 2, 3, 4, 5, 6) == getpid() ? 1 : 2)));
    CHECK_EQ(message_of(pid), 0x1234);
    struct user_regs_struct regs = regs_of(pid);
    CHECK_EQ(regs.orig_rax, SYS_getppid);
    CHECK_EQ((long)regs.rax, -ENOSYS);
    uint64_t info[11];
    CHECK_EQ(PTRACE(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, info), 84);
    CHECK_EQ(info[0] & 0xff, 3);
    CHECK_EQ(info[3], SYS_getppid);
    CHECK_EQ(info[4], 1);
    CHECK_EQ(info[9], 6);
    CHECK_EQ((uint32_t)info[10], 0x1234);
    // Another call in its place.
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), SYS_getpid);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

TEST(skipped) {
    pid_t pid = asked(TRACED(filter(); _exit(syscall(SYS_getppid) == 77)));
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1);
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 77);
    // After it comes the usual stop at its end.
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).rax, 77);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

TEST(filtered_again) {
    // What the tracer makes of a call must pass the filters too.
    pid_t pid = asked(TRACED(filter(); char room[400]; long got = syscall(SYS_getppid, room);
                             _exit(got == -1 && errno == EXDEV ? 1 : 2)));
    PTRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), SYS_uname);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

TEST(after_the_stop_at_entry) {
    pid_t pid = TRACED(filter(); syscall(SYS_getppid));
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
    do {
        go_on(pid, PTRACE_SYSCALL, 0);
        STOPS(pid, SIGTRAP | 0x80);
    } while (regs_of(pid).orig_rax != SYS_getppid);
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, EVENT(SECCOMP));
    go_on(pid, PTRACE_SYSCALL, 0);
    STOPS(pid, SIGTRAP | 0x80);
    CHECK_EQ(regs_of(pid).rax, getpid());
    kill_tracee(pid);
}

TEST(suspended) {
    pid_t pid = TRACED(filter(); raise(SIGUSR1); _exit(syscall(SYS_getppid) == getppid()));
    STOPS(pid, SIGSTOP);
    if (request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP) < 0) {
        CHECK(errno == EPERM || errno == EINVAL);
        kill_tracee(pid);
        SKIP("filters cannot be suspended");
    }
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

static void one_more(uint32_t value, unsigned flags) {
    struct sock_filter program[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, value)};
    struct sock_fprog fprog = {2, program};
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    OK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog));
}

TEST(filters_are_shown) {
    if (geteuid() != 0) SKIP("needs CAP_SYS_ADMIN");
    pid_t pid = TRACED(one_more(0x11, 0); one_more(0x22, SECCOMP_FILTER_FLAG_LOG); raise(SIGUSR1));
    STOPS(pid, SIGSTOP);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0), EINVAL);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    long count = request(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0);
    if (count < 0 && (errno == EIO || errno == EACCES)) {
        kill_tracee(pid);
        SKIP("filters do not show");
    }
    CHECK_EQ(count, 2);
    struct sock_filter program[3] = {};
    CHECK_EQ(PTRACE(PTRACE_SECCOMP_GET_FILTER, pid, 0, (unsigned long)program), 2);
    CHECK_EQ(program[0].k, SECCOMP_RET_ALLOW);
    CHECK_EQ(program[1].k, 0x11);
    CHECK_EQ(program[1].code, BPF_RET | BPF_K);
    CHECK_EQ(program[2].code, 0);
    CHECK_EQ(PTRACE(PTRACE_SECCOMP_GET_FILTER, pid, 1, (unsigned long)program), 2);
    CHECK_EQ(program[1].k, 0x22);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_FILTER, pid, 2, (unsigned long)program), ENOENT);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_FILTER, pid, -1, (unsigned long)program), ENOENT);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_FILTER, pid, 0, 8), EFAULT);
    uint64_t metadata[2] = {0, 99};
    CHECK_EQ(PTRACE(PTRACE_SECCOMP_GET_METADATA, pid, sizeof metadata, (unsigned long)metadata), sizeof metadata);
    CHECK_EQ(metadata[1], 0);
    metadata[0] = 1;
    CHECK_EQ(PTRACE(PTRACE_SECCOMP_GET_METADATA, pid, 100, (unsigned long)metadata), sizeof metadata);
    CHECK_EQ(metadata[1], SECCOMP_FILTER_FLAG_LOG);
    metadata[1] = 99;
    CHECK_EQ(PTRACE(PTRACE_SECCOMP_GET_METADATA, pid, 8, (unsigned long)metadata), 8);
    CHECK_EQ(metadata[1], 99);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_METADATA, pid, 7, (unsigned long)metadata), EINVAL);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_METADATA, pid, 16, 8), EFAULT);
    metadata[0] = 2;
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_METADATA, pid, 16, (unsigned long)metadata), ENOENT);
    // Who is filtered himself sees none.
    one_more(0x33, 0);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_FILTER, pid, 9, (unsigned long)program), EACCES);
    CHECK_ERRNO(request(PTRACE_SECCOMP_GET_METADATA, pid, 1, (unsigned long)metadata), EACCES);
    kill_tracee(pid);
}
