// ptrace(2): registers and memory.
#include "trace.h"
#include <cpuid.h>
#include <sys/uio.h>

#define USER(field) offsetof(struct user, field)

static pid_t stopped(void) {
    pid_t pid = TRACED(_exit(0));
    STOPS(pid, SIGSTOP);
    return pid;
}

TEST(general) {
    pid_t pid = TRACED(__asm__ volatile("mov $0x1111, %%r12; mov $0x2222, %%r13; mov $0x3333, %%rbx; int3;"
                                        "cmp $0x4444, %%r12; jne 1f; mov $60, %%eax; mov $5, %%edi; syscall; 1: ud2" ::
                                            : "rax", "rbx", "rcx", "rdi", "r11", "r12", "r13", "memory"));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTRAP);
    CHECK_EQ(info_of(pid).si_code, SI_KERNEL);
    struct user_regs_struct regs = regs_of(pid);
    CHECK_EQ(regs.r12, 0x1111);
    CHECK_EQ(regs.r13, 0x2222);
    CHECK_EQ(regs.rbx, 0x3333);
    CHECK_EQ(regs.cs, 0x33);
    CHECK_EQ(regs.ss, 0x2b);
    CHECK_EQ((long)regs.orig_rax, -1);
    CHECK_EQ(regs.eflags & 0x100, 0);
    long word;
    PTRACE(PTRACE_PEEKUSER, pid, USER(regs.rip), &word);
    CHECK_EQ(word, regs.rip);
    CHECK_EQ(peek(pid, (void *)(regs.rip - 1)) & 0xff, 0xcc);
    regs.r12 = 0x4444;
    PTRACE(PTRACE_SETREGS, pid, 0, &regs);
    PTRACE_FAILS(PTRACE_SETREGS, pid, 0, 8, EFAULT);
    PTRACE_FAILS(PTRACE_GETREGS, pid, 0, 8, EFAULT);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 5);
}

TEST(user_area) {
    pid_t pid = stopped();
    long word = 7;
    PTRACE_FAILS(PTRACE_PEEKUSER, pid, 4, &word, EIO);
    PTRACE_FAILS(PTRACE_PEEKUSER, pid, -8, &word, EIO);
    PTRACE_FAILS(PTRACE_PEEKUSER, pid, 928, &word, EIO);
    PTRACE(PTRACE_PEEKUSER, pid, 920, &word);
    CHECK_EQ(word, 0);
    PTRACE_FAILS(PTRACE_PEEKUSER, pid, 0, 8, EFAULT);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, 4, 0, EIO);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, USER(u_tsize), 0, EIO);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, USER(regs.cs), 0, EIO);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, USER(regs.ss), 0, EIO);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, USER(regs.cs), 0x10, EIO);
    PTRACE_FAILS(PTRACE_POKEUSER, pid, USER(regs.fs_base), -1, EIO);
    PTRACE(PTRACE_POKEUSER, pid, USER(regs.fs), 0);
    // Flags that are none of the program's keep what they were.
    PTRACE(PTRACE_PEEKUSER, pid, USER(regs.eflags), &word);
    PTRACE(PTRACE_POKEUSER, pid, USER(regs.eflags), word ^ 0x3200 ^ 1);
    long after;
    PTRACE(PTRACE_PEEKUSER, pid, USER(regs.eflags), &after);
    CHECK_EQ(after, word ^ 1);
    kill_tracee(pid);
}

// The base of FS is a register like the others.
TEST(bases) {
    pid_t pid = TRACED(
        unsigned long base;
        raise(SIGUSR1);
        CHECK_EQ(syscall(SYS_arch_prctl, 0x1004, &base), 0);
        CHECK_EQ(base, 0x123456));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    struct user_regs_struct regs = regs_of(pid);
    CHECK(regs.fs_base != 0);
    unsigned long base;
    // PTRACE_ARCH_PRCTL, ARCH_GET_FS; ARCH_SET_GS.
    PTRACE(30, pid, &base, 0x1003);
    CHECK_EQ(base, regs.fs_base);
    PTRACE(30, pid, 0x654321, 0x1001);
    CHECK_EQ(regs_of(pid).gs_base, 0x654321);
    PTRACE(PTRACE_POKEUSER, pid, USER(regs.gs_base), 0x123456);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(general_set) {
    pid_t pid = stopped();
    struct user_regs_struct regs, other;
    struct iovec iov = {&regs, sizeof regs};
    PTRACE(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov);
    CHECK_EQ(iov.iov_len, sizeof regs);
    other = regs_of(pid);
    CHECK_EQ(memcmp(&regs, &other, sizeof regs), 0);
    // More room than registers, and less.
    char room[1000];
    iov = (struct iovec){room, sizeof room};
    PTRACE(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov);
    CHECK_EQ(iov.iov_len, sizeof regs);
    iov = (struct iovec){&regs, 16};
    regs.r15 = 1;
    regs.r14 = 2;
    regs.r13 = 3;
    PTRACE(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
    CHECK_EQ(iov.iov_len, 16);
    struct user_regs_struct now = regs_of(pid);
    CHECK(now.r15 == 1 && now.r14 == 2 && now.r13 == other.r13);
    iov = (struct iovec){&regs, 12};
    PTRACE_FAILS(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov, EINVAL);
    iov.iov_len = 16;
    PTRACE_FAILS(PTRACE_GETREGSET, pid, 0x7777, &iov, EINVAL);
    PTRACE_FAILS(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8, EFAULT);
    iov.iov_base = (void *)8;
    PTRACE_FAILS(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov, EFAULT);
    kill_tracee(pid);
}

static double twice(double x) {
    double y;
    __asm__ volatile("movsd %1, %%xmm5; fldpi; int3; fstp %%st(0); movsd %%xmm5, %0" : "=m"(y) : "m"(x) : "xmm5");
    return y;
}

TEST(floating_point) {
    pid_t pid = TRACED(_exit(twice(1.5) == 3.0));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTRAP);
    struct user_fpregs_struct regs, other;
    PTRACE(PTRACE_GETFPREGS, pid, 0, &regs);
    double value;
    memcpy(&value, &regs.xmm_space[5 * 4], 8);
    CHECK(value == 1.5);
    CHECK_EQ(regs.cwd, 0x37f);
    CHECK_EQ(regs.mxcsr & 0xffc0, 0x1f80);
    // pi lies in st(0): its exponent.
    CHECK_EQ(((uint16_t *)regs.st_space)[4], 0x4000);
    struct iovec iov = {&other, sizeof other};
    PTRACE(PTRACE_GETREGSET, pid, NT_PRFPREG, &iov);
    CHECK_EQ(iov.iov_len, sizeof other);
    CHECK_EQ(memcmp(&regs, &other, sizeof regs), 0);
    value = 3.0;
    memcpy(&regs.xmm_space[5 * 4], &value, 8);
    PTRACE(PTRACE_SETFPREGS, pid, 0, &regs);
    PTRACE(PTRACE_GETFPREGS, pid, 0, &other);
    CHECK_EQ(memcmp(&regs, &other, sizeof regs), 0);
    // Bits that fault when they are loaded.
    other.mxcsr = 0xffffffff;
    PTRACE_FAILS(PTRACE_SETFPREGS, pid, 0, &other, EINVAL);
    iov = (struct iovec){&regs, 16};
    PTRACE_FAILS(PTRACE_SETREGSET, pid, NT_PRFPREG, &iov, EINVAL);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

__attribute__((target("avx"))) static int check_ymm(void) {
    static const uint64_t before[4] = {1, 2, 3, 4};
    static uint64_t after[4];
    __asm__ volatile("vmovdqu %1, %%ymm7; int3; vmovdqu %%ymm7, %0" : "=m"(after) : "m"(before) : "xmm7");
    return after[0] == 10 && after[1] == 20 && after[2] == 30 && after[3] == 40;
}

TEST(extended) {
    if (!__builtin_cpu_supports("avx")) SKIP("no AVX");
    unsigned a, size, c, d;
    __cpuid_count(0xd, 0, a, size, c, d);
    pid_t pid = TRACED(_exit(check_ymm()));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTRAP);
    static unsigned char image[65536], again[65536];
    struct iovec iov = {image, sizeof image};
    PTRACE(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov);
    size_t len = iov.iov_len;
    CHECK(len >= 832 && len <= sizeof image);
    uint64_t enabled, present;
    memcpy(&enabled, image + 464, 8);
    memcpy(&present, image + 512, 8);
    CHECK((enabled & 7) == 7);
    CHECK((present & 4) == 4 && (present & ~enabled) == 0);
    uint64_t words[4];
    memcpy(words, image + 160 + 7 * 16, 16);
    memcpy(words + 2, image + 576 + 7 * 16, 16);
    for (int i = 0; i < 4; i++) CHECK_EQ(words[i], i + 1);
    for (int i = 0; i < 4; i++) words[i] *= 10;
    memcpy(image + 160 + 7 * 16, words, 16);
    memcpy(image + 576 + 7 * 16, words + 2, 16);
    iov = (struct iovec){image, len};
    PTRACE(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov);
    iov = (struct iovec){again, sizeof again};
    PTRACE(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov);
    CHECK_EQ(iov.iov_len, len);
    CHECK_EQ(memcmp(image, again, len), 0);
    // Not the whole; a component that there is none of.
    iov = (struct iovec){image, 576};
    PTRACE_FAILS(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov, EFAULT);
    again[519] = 0x40;
    iov = (struct iovec){again, len};
    PTRACE_FAILS(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov, EINVAL);
    // Part of it may be read.
    iov = (struct iovec){again, 64};
    PTRACE(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov);
    CHECK_EQ(iov.iov_len, 64);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

TEST(extended_when_initial) {
    if (!__builtin_cpu_supports("avx")) SKIP("no AVX");
    pid_t pid = TRACED(__asm__ volatile("vzeroall; int3" ::: "memory"));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTRAP);
    static unsigned char image[65536];
    struct iovec iov = {image, sizeof image};
    PTRACE(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov);
    for (int i = 0; i < 256; i++) CHECK_EQ(image[160 + i] | image[576 + i], 0);
    kill_tracee(pid);
}

static const char *text = "read only";
static char data[16] = "data";

// What the compiler knows of a string does not count.
static const char *as_it_is(const char *string) {
    __asm__ volatile("" : "+r"(string)::"memory");
    return string;
}

TEST(memory) {
    char *none = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(none, "hidden");
    OK(mprotect(none, 4096, PROT_NONE));
    OK(munmap(none + 4096, 4096));
    pid_t pid = TRACED(raise(SIGUSR1); _exit(strcmp(as_it_is(text), "rewritten") == 0 && strcmp(data, "DATA") == 0 ? 5 : 6));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    long word = peek(pid, data);
    CHECK_EQ(memcmp(&word, "data", 5), 0);
    memcpy(&word, "DATA\0\0\0", 8);
    poke(pid, data, word);
    // Pages that the tracee itself may not write, or not even read.
    memcpy(&word, "rewritte", 8);
    poke(pid, text, word);
    PTRACE(PTRACE_PEEKTEXT, pid, text + 2, &word);
    ((char *)&word)[6] = 'n';
    PTRACE(PTRACE_POKETEXT, pid, text + 2, word);
    CHECK_STR(text, "read only");
    word = peek(pid, none);
    CHECK_EQ(memcmp(&word, "hidden", 7), 0);
    poke(pid, none, 77);
    CHECK_EQ(peek(pid, none), 77);
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, 8, &word, EIO);
    PTRACE_FAILS(PTRACE_POKEDATA, pid, 8, 0, EIO);
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, none + 4092, &word, EIO);
    PTRACE_FAILS(PTRACE_POKEDATA, pid, none + 4092, 0, EIO);
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, -8, &word, EIO);
    PTRACE_FAILS(PTRACE_PEEKDATA, pid, data, 8, EFAULT);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 5);
}

TEST(memory_file) {
    char path[64];
    pid_t pid = TRACED(raise(SIGUSR1); _exit(*as_it_is(text)));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = OK(open(path, O_RDWR));
    char got[16];
    CHECK_EQ(pread(fd, got, 10, (off_t)text), 10);
    CHECK_STR(got, "read only");
    CHECK_EQ(pwrite(fd, "X", 1, (off_t)text), 1);
    CHECK_ERRNO(pread(fd, got, 1, 8), EIO);
    struct iovec local = {got, 1}, remote = {(void *)text, 1};
    CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 1);
    CHECK_EQ(got[0], 'X');
    CHECK_ERRNO(process_vm_writev(pid, &local, 1, &remote, 1, 0), EFAULT);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 'X');
}

TEST(code_written) {
    // A breakpoint in code that has run already.
    pid_t pid = TRACED(raise(SIGUSR1); _exit(getppid() != 0));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    long old = peek(pid, getppid);
    poke(pid, getppid, (old & ~0xffl) | 0xcc);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGTRAP);
    struct user_regs_struct regs = regs_of(pid);
    CHECK_EQ(regs.rip, (long)getppid + 1);
    poke(pid, getppid, old);
    regs.rip--;
    PTRACE(PTRACE_SETREGS, pid, 0, &regs);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 1);
}

struct rseq_configuration {
    uint64_t pointer;
    uint32_t size, signature, flags, pad;
};

TEST(rseq) {
    pid_t pid = stopped();
    struct rseq_configuration configuration;
    CHECK_EQ(PTRACE(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof configuration, &configuration), sizeof configuration);
    // glibc has registered one.
    CHECK(configuration.pointer != 0);
    CHECK_EQ(configuration.signature, 0x53053053);
    CHECK_EQ(configuration.flags, 0);
    CHECK_EQ(PTRACE(PTRACE_GET_RSEQ_CONFIGURATION, pid, 8, &configuration), sizeof configuration);
    kill_tracee(pid);
}
