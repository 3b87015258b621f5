// ptrace(2): stepping, debug registers.
#include "trace.h"

#define DR(n) (offsetof(struct user, u_debugreg) + 8 * (n))

static pid_t stopped(pid_t pid, int signal) {
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, signal);
    return pid;
}

static unsigned long rip_of(pid_t pid) { return regs_of(pid).rip; }

extern char nops[], nops_end[];
__asm__(".text; nops: int3; nop; nop; mov $1, %eax; xchg %rcx, %rcx; nops_end: ret");

TEST(single_step) {
    pid_t pid = stopped(TRACED(((void (*)(void))nops)()), SIGTRAP);
    static const int lengths[] = {1, 1, 5, 3};
    unsigned long at = (unsigned long)nops + 1;
    CHECK_EQ(rip_of(pid), at);
    for (int i = 0; i < 4; i++) {
        go_on(pid, PTRACE_SINGLESTEP, 0);
        STOPS(pid, SIGTRAP);
        at += lengths[i];
        CHECK_EQ(rip_of(pid), at);
        siginfo_t info = info_of(pid);
        CHECK_EQ(info.si_code, TRAP_TRACE);
        CHECK_EQ((long)info.si_addr, at);
        CHECK_EQ(regs_of(pid).eflags & 0x100, 0);
    }
    CHECK_EQ(at, (unsigned long)nops_end);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(step_over_call) {
    // Over the instruction that makes a call: one step, and the call has been made.
    pid_t pid = stopped(TRACED(long got;
                               __asm__ volatile("int3; syscall; nop" : "=a"(got) : "a"(SYS_getppid) : "rcx", "r11");
                               _exit(got == getppid())),
                        SIGTRAP);
    unsigned long at = rip_of(pid);
    go_on(pid, PTRACE_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(rip_of(pid), at + 2);
    CHECK_EQ(info_of(pid).si_code, TRAP_BRKPT);
    CHECK_EQ(regs_of(pid).rax, getpid());
    go_on(pid, PTRACE_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(rip_of(pid), at + 3);
    CHECK_EQ(info_of(pid).si_code, TRAP_TRACE);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

TEST(step_from_call) {
    // Stepping out of a stop before a call: the step ends behind the call.
    pid_t pid = TRACED(syscall(SYS_getppid));
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    do {
        go_on(pid, PTRACE_SYSCALL, 0);
        STOPS(pid, SIGTRAP | 0x80);
    } while (regs_of(pid).orig_rax != SYS_getppid);
    unsigned long at = rip_of(pid);
    go_on(pid, PTRACE_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(rip_of(pid), at);
    CHECK_EQ(regs_of(pid).rax, getpid());
    CHECK_EQ(info_of(pid).si_code, TRAP_BRKPT);
    go_on(pid, PTRACE_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK(rip_of(pid) > at);
    CHECK_EQ(info_of(pid).si_code, TRAP_TRACE);
    kill_tracee(pid);
}

TEST(sysemu_step) {
    pid_t pid = stopped(TRACED(__asm__ volatile("int3; syscall; nop" ::"a"(SYS_getppid) : "rcx", "r11")), SIGTRAP);
    unsigned long at = rip_of(pid);
    go_on(pid, PTRACE_SYSEMU_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ((long)regs_of(pid).rax, -ENOSYS);
    CHECK_EQ(rip_of(pid), at + 2);
    CHECK_EQ(info_of(pid).si_code, SIGTRAP);
    // The call is not made, and the next instruction is the next step.
    go_on(pid, PTRACE_SYSEMU_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(rip_of(pid), at + 3);
    CHECK_EQ((long)regs_of(pid).rax, -ENOSYS);
    kill_tracee(pid);
}

static volatile int caught;
static void catch(int number) { caught = number; }

TEST(step_into_handler) {
    pid_t pid = stopped(TRACED(handle(SIGUSR1, catch, 0); raise(SIGUSR1); _exit(caught)), SIGUSR1);
    go_on(pid, PTRACE_SINGLESTEP, SIGUSR1);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(rip_of(pid), (unsigned long)catch);
    CHECK_EQ(info_of(pid).si_code, SIGTRAP);
    CHECK_EQ(regs_of(pid).rdi, SIGUSR1);
    go_on(pid, PTRACE_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK(rip_of(pid) != (unsigned long)catch);
    CHECK_EQ(info_of(pid).si_code, TRAP_TRACE);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, SIGUSR1);
}

static volatile int traps;
static void count_trap(int number) { traps += number == SIGTRAP; }

TEST(own_trap_flag) {
    // A program that sets the flag itself gets the signals, traced or not.
    handle(SIGTRAP, count_trap, 0);
    __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop; pushf; andl $~0x100, (%%rsp); popf" ::: "memory", "cc");
    int alone = traps;
    CHECK(alone >= 3);
    pid_t pid = TRACED(
        traps = 0;
        __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop; pushf; andl $~0x100, (%%rsp); popf" ::: "memory", "cc");
        _exit(traps == alone));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    for (int i = 0; i < alone; i++) {
        STOPS(pid, SIGTRAP);
        CHECK_EQ(info_of(pid).si_code, TRAP_TRACE);
        CHECK_EQ(regs_of(pid).eflags & 0x100, i < alone - 1 ? 0x100 : 0);
        go_on(pid, PTRACE_CONT, SIGTRAP);
    }
    exits_with(pid, 1);
}

TEST(flag_of_popf) {
    // Stepping over popf with the flag in it leaves the flag to the program.
    pid_t pid = stopped(TRACED(handle(SIGTRAP, count_trap, 0);
                               __asm__ volatile("pushf; orl $0x100, (%%rsp); int3; popf; nop" ::: "memory", "cc");
                               pause()),
                        SIGTRAP);
    go_on(pid, PTRACE_SINGLESTEP, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(regs_of(pid).eflags & 0x100, 0x100);
    kill_tracee(pid);
}

TEST(repeated_instruction) {
    static char from[8] = "abcdefg", to[8];
    pid_t pid = stopped(TRACED(char *s = from; char *d = to; long n = 8;
                               __asm__ volatile("int3; rep movsb" : "+S"(s), "+D"(d), "+c"(n)::"memory")),
                        SIGTRAP);
    unsigned long at = rip_of(pid);
    for (long left = 7; left >= 1; left--) {
        go_on(pid, PTRACE_SINGLESTEP, 0);
        STOPS(pid, SIGTRAP);
        CHECK_EQ(regs_of(pid).rcx, left);
        CHECK_EQ(rip_of(pid), at);
    }
    kill_tracee(pid);
}

extern char blocks[], blocks_target[], blocks_done[];
__asm__(".text; blocks: int3; nop; xor %eax, %eax; jnz 1f; nop; jmp blocks_target; 1: ud2;"
        "blocks_target: nop; nop; test %eax, %eax; jz blocks_done; ud2; blocks_done: ret");

TEST(single_block) {
    pid_t pid = stopped(TRACED(((void (*)(void))blocks)()), SIGTRAP);
    // Where the processor (or a hypervisor) does not trap at branches, each instruction is a step: as many as it takes.
    unsigned long wanted[] = {(unsigned long)blocks_target, (unsigned long)blocks_done};
    for (int i = 0; i < 2; i++) {
        int steps = 0;
        do {
            go_on(pid, PTRACE_SINGLEBLOCK, 0);
            STOPS(pid, SIGTRAP);
            CHECK(++steps <= 6);
        } while (rip_of(pid) != wanted[i]);
    }
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(debug_registers) {
    pid_t pid = TRACED();
    STOPS(pid, SIGSTOP);
    long word = 1;
    PTRACE(PTRACE_PEEKUSER, pid, DR(7), &word);
    CHECK_EQ(word, 0);
    PTRACE(PTRACE_POKEUSER, pid, DR(0), &word);
    long back;
    PTRACE(PTRACE_PEEKUSER, pid, DR(0), &back);
    CHECK_EQ(back, (long)&word);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, DR(0), -8, EINVAL);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, DR(4), 0, EIO);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, DR(5), 0, EIO);
    PTRACE(PTRACE_PEEKUSER, pid, DR(4), &back);
    CHECK_EQ(back, 0);
    PTRACE(PTRACE_POKEUSER, pid, DR(6), 0xf);
    PTRACE(PTRACE_PEEKUSER, pid, DR(6), &back);
    CHECK_EQ(back, 0xf);
    // I/O breakpoints are not for users.
    PTRACE_FAILS(PTRACE_POKEUSER, pid, DR(7), 0x20001, EINVAL);
    kill_tracee(pid);
}

static volatile long watched, other;

static void write_both(void) {
    for (int i = 1; i <= 3; i++) {
        other = i;
        watched = i * 10;
        other = i;
    }
}

TEST(watchpoint) {
    pid_t pid = TRACED(write_both());
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_POKEUSER, pid, DR(0), &watched);
    // Slot 0, local: writes of eight bytes.
    PTRACE(PTRACE_POKEUSER, pid, DR(7), 0x90001);
    for (int i = 1; i <= 3; i++) {
        go_on(pid, PTRACE_CONT, 0);
        STOPS(pid, SIGTRAP);
        CHECK_EQ(info_of(pid).si_code, TRAP_HWBKPT);
        CHECK_EQ(peek(pid, &watched), i * 10);
        CHECK_EQ(peek(pid, &other), i);
        long status;
        PTRACE(PTRACE_PEEKUSER, pid, DR(6), &status);
        CHECK_EQ(status & 0xf, 1);
        PTRACE(PTRACE_POKEUSER, pid, DR(6), 0);
    }
    PTRACE(PTRACE_POKEUSER, pid, DR(7), 0);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(hardware_breakpoint) {
    pid_t pid = TRACED(write_both(); write_both());
    STOPS(pid, SIGSTOP);
    PTRACE(PTRACE_POKEUSER, pid, DR(1), write_both);
    PTRACE(PTRACE_POKEUSER, pid, DR(7), 0x4);
    for (int i = 0; i < 2; i++) {
        go_on(pid, PTRACE_CONT, 0);
        STOPS(pid, SIGTRAP);
        CHECK_EQ(rip_of(pid), (unsigned long)write_both);
        CHECK_EQ(info_of(pid).si_code, TRAP_HWBKPT);
        long status;
        PTRACE(PTRACE_PEEKUSER, pid, DR(6), &status);
        CHECK_EQ(status & 0xf, 2);
        PTRACE(PTRACE_POKEUSER, pid, DR(6), 0);
    }
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

// Thousands of steps through real code, calls into libraries and the kernel among them.
TEST(many_steps) {
    pid_t pid = stopped(TRACED(raise(SIGUSR1); char text[32]; snprintf(text, sizeof text, "%d %s", getppid(), "x");
                               _exit(strlen(text) > 2 ? 3 : 4)),
                        SIGUSR1);
    int steps = 0, status;
    for (;; steps++) {
        go_on(pid, PTRACE_SINGLESTEP, 0);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status)) break;
        CHECK_EQ(status >> 8, SIGTRAP);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK(steps > 200);
}
