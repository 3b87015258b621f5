// What the tests of ptrace(2) have in common.
#pragma once

#include "../test.h"
#include <elf.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

// A request, without the wrapper's own ideas of results.
UNUSED long request(long number, pid_t pid, unsigned long addr, unsigned long data) {
    return syscall(SYS_ptrace, number, (long)pid, addr, data);
}

#define PTRACE(number, pid, addr, data) OK(request(number, pid, (unsigned long)(addr), (unsigned long)(data)))
#define PTRACE_FAILS(number, pid, addr, data, error)                                                                   \
    CHECK_ERRNO(request(number, pid, (unsigned long)(addr), (unsigned long)(data)), error)

// A child that asks to be traced, stops by SIGSTOP, and then runs the block.
#define TRACED(...)                                                                                                    \
    FORK(PTRACE(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); __VA_ARGS__)

// Waits for a stop of a tracee: the signal and, above that, the event.
UNUSED int stop_of(pid_t pid) {
    int status = -1;
    pid_t got;
    do got = waitpid(pid, &status, __WALL);
    while (got < 0 && errno == EINTR);
    CHECK_EQ(got, pid);
    if (!WIFSTOPPED(status)) FAIL("no stop: status 0x%x", status);
    return status >> 8;
}

#define STOPS(pid, what) CHECK_EQ(stop_of(pid), what)
#define EVENT(event) (SIGTRAP | PTRACE_EVENT_##event << 8)

UNUSED void go_on(pid_t pid, int how, int signal) { PTRACE(how, pid, 0, signal); }

UNUSED struct user_regs_struct regs_of(pid_t pid) {
    struct user_regs_struct regs;
    PTRACE(PTRACE_GETREGS, pid, 0, &regs);
    return regs;
}

UNUSED siginfo_t info_of(pid_t pid) {
    siginfo_t info;
    PTRACE(PTRACE_GETSIGINFO, pid, 0, &info);
    return info;
}

UNUSED unsigned long message_of(pid_t pid) {
    unsigned long message = 0;
    PTRACE(PTRACE_GETEVENTMSG, pid, 0, &message);
    return message;
}

UNUSED long peek(pid_t pid, const volatile void *at) {
    long word;
    PTRACE(PTRACE_PEEKDATA, pid, at, &word);
    return word;
}

UNUSED void poke(pid_t pid, const volatile void *at, long word) { PTRACE(PTRACE_POKEDATA, pid, at, word); }

// The tracee goes on and exits with this code.
UNUSED void exits_with(pid_t pid, int code) {
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) FAIL("status 0x%x, want exit code %d", status, code);
}

UNUSED void dies_by(pid_t pid, int signal) {
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal) FAIL("status 0x%x, want signal %d", status, signal);
}

UNUSED void kill_tracee(pid_t pid) {
    kill(pid, SIGKILL);
    int status;
    while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) request(PTRACE_CONT, pid, 0, 0);
}

UNUSED long long tracer_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    return field_of(path, "TracerPid");
}
