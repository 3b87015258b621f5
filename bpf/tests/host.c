// What the host kernel says to programs: reads records from standard input, writes answers to standard output.
//
//   first          u64, the address behind the instruction that makes the calls
//   a record       u32 count, that many instructions, u32 calls, that many {u32 nr, u32 pad, u64 args[6]}
//   its answer     i32 errno of loading, and if that is 0 for each call {i32 kind, i64 value}
//
// Kinds: 0 the call returned (value: what), 1 SIGSYS was caught (value: si_errno), 2 the process was killed by SIGSYS.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 64, PROGRAM = 4200 };

struct call {
    uint32_t nr, pad;
    uint64_t args[6];
};

struct answer {
    int32_t kind;
    int64_t value;
} __attribute__((packed));

static volatile struct {
    int32_t loaded;
    uint32_t done;
    int32_t finished;
    struct answer answers[CALLS];
} *shared;

static struct call calls[CALLS];
static struct sock_filter program[PROGRAM];
static jmp_buf back;

// long make_call(nr, args): the label is what the program sees as instruction_pointer.
long make_call(long nr, const uint64_t *args);
extern char call_end[];
__asm__(".globl make_call, call_end\n"
        "make_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %r11\n"
        "  mov 0(%r11), %rdi\n"
        "  mov 8(%r11), %rsi\n"
        "  mov 16(%r11), %rdx\n"
        "  mov 24(%r11), %r10\n"
        "  mov 32(%r11), %r8\n"
        "  mov 40(%r11), %r9\n"
        "  syscall\n"
        "call_end:\n"
        "  ret\n");

static void on_sigsys(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    shared->answers[shared->done].kind = 1;
    shared->answers[shared->done].value = info->si_errno;
    // Not by sigreturn: the program under test decides about that too.
    _longjmp(back, 1);
}

static void read_all(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(feof(stdin) ? 0 : 1);
}

// Nothing here makes a call once the program is loaded, but those that are asked for.
static void child(uint32_t count, uint32_t total) {
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSYS, &action, NULL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    struct sock_fprog fprog = {.len = count, .filter = program};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) != 0) {
        shared->loaded = errno;
        shared->finished = 1;
        __builtin_trap();
    }
    for (; shared->done < total; shared->done++) {
        if (_setjmp(back)) continue;
        long value = make_call(calls[shared->done].nr, calls[shared->done].args);
        shared->answers[shared->done].value = value;
        shared->answers[shared->done].kind = 0;
    }
    shared->finished = 1;
    __builtin_trap();
}

int main(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 1;
    uint64_t address = (uint64_t)call_end;
    fwrite(&address, sizeof address, 1, stdout);
    for (;;) {
        fflush(stdout);
        uint32_t count, total;
        read_all(&count, sizeof count);
        if (count > PROGRAM) return 1;
        read_all(program, count * sizeof program[0]);
        read_all(&total, sizeof total);
        if (total > CALLS) return 1;
        read_all(calls, total * sizeof calls[0]);
        memset((void *)shared, 0, sizeof *shared);
        while (!shared->finished) {
            fflush(stdout);
            pid_t pid = fork();
            if (pid < 0) return 1;
            if (pid == 0) child(count, total);
            int status;
            if (waitpid(pid, &status, 0) != pid) return 1;
            if (shared->finished) break;
            if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS || shared->done >= total) {
                fprintf(stderr, "a child ended with status 0x%x\n", status);
                return 1;
            }
            shared->answers[shared->done++].kind = 2;
        }
        int32_t loaded = shared->loaded;
        fwrite(&loaded, sizeof loaded, 1, stdout);
        if (loaded == 0) fwrite((void *)shared->answers, sizeof shared->answers[0], total, stdout);
    }
}
