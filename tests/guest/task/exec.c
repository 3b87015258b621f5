// execve(2): what a new program gets, what is refused, scripts, auxiliary vector.
#define TEST_MAIN executed
#include "../test.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/prctl.h>

extern char **environ;
static void *nothing(void *argument) { return argument; }
static const char *self = "/proc/self/exe";

// Memory of a program that executes another one, filled with a byte; found by nobody after.
enum { MARK_LEN = 1 << 20, MARK = 0x1234500000 };
static char *mark(void) {
    void *place = mmap((void *)MARK, MARK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return place == MAP_FAILED ? NULL : memset(place, 0x5a, MARK_LEN);
}

// Whether each line of this program's maps names the stack, the heap, the vDSO, a file, or nothing, as it should in a
// program that was just started: no memory of the one before, which was at MARK.
static bool chain(char **argv) {
    unsigned char seen;
    char *all[] = {argv[0], argv[1], argv[2], argv[3], NULL};
    if (mincore((void *)MARK, MARK_LEN, &seen) == 0 || errno != ENOMEM) _exit(2);
    // No alternate stack, no handlers, no robust list of the old program's, the name of the new one.
    stack_t stack;
    struct sigaction action;
    if (sigaltstack(NULL, &stack) != 0 || stack.ss_flags != SS_DISABLE) _exit(3);
    if (sigaction(SIGUSR1, NULL, &action) != 0 || action.sa_handler != SIG_DFL) _exit(4);
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) _exit(5);
    int left = atoi(argv[2]);
    if (left == 0) return true;
    char text[16];
    snprintf(text, sizeof text, "%d", left - 1);
    all[2] = text;
    if (!mark()) _exit(6);
    char *room = malloc(65536);
    stack = (stack_t){.ss_sp = room, .ss_size = 65536};
    action.sa_handler = SIG_IGN;
    if (sigaltstack(&stack, NULL) != 0 || signal(SIGUSR1, (void (*)(int))mark) == SIG_ERR) _exit(7);
    if (strcmp(argv[3], "no-vdso") == 0) {
        char *vdso = (char *)getauxval(AT_SYSINFO_EHDR);
        // All of it or nothing, says Linux.
        if (vdso && munmap(vdso, 8192) != 0 && munmap(vdso, 4096) != 0) _exit(8);
    }
    if (strcmp(argv[3], "threads") == 0) join_thread(start_thread(nothing, NULL));
    execve("/proc/self/exe", all, environ);
    _exit(9);
}

// What this program does when a test executes it: says what it sees.
static bool executed(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "--chain") == 0) return chain(argv);
    if (argc < 2 || strcmp(argv[1], "--show") != 0) return false;
    printf("argc=%d", argc);
    for (int i = 0; i < argc; i++) printf(" [%s]", argv[i]);
    for (char **e = environ; *e; e++) printf(" {%s}", *e);
    char name[16];
    prctl(PR_GET_NAME, name);
    printf(" comm=%s execfn=%s secure=%lu\n", name, (char *)getauxval(AT_EXECFN), getauxval(AT_SECURE));
    return true;
}

// The output of a program, and its exit code.
static char output[65536];
static int run_program(const char *path, char *const argv[], char *const envp[]) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = FORK(dup2(fds[1], 1); execve(path, argv, envp); _exit(100 + errno));
    close(fds[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(fds[0], output + n, sizeof output - 1 - n)) > 0;) n += got;
    output[n] = 0;
    close(fds[0]);
    int status = status_of(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *volatile bad = (void *)8;
static char *no_env[] = {NULL};
static char me[PATH_MAX];
static void find_me(void) { me[OK(readlink(self, me, sizeof me - 1))] = 0; }

TEST(arguments_and_environment) {
    find_me();
    CHECK_EQ(run_program(me, (char *[]){"name", "--show", "", "a b", NULL}, (char *[]){"X=1", "EMPTY=", NULL}), 0);
    char want[PATH_MAX + 200];
    const char *base = strrchr(me, '/') + 1;
    snprintf(want, sizeof want, "argc=4 [name] [--show] [] [a b] {X=1} {EMPTY=} comm=%.15s execfn=%s secure=0\n", base, me);
    CHECK_STR(output, want);
}

TEST(script_with_one_argument) {
    // Everything after the interpreter is one argument.
    write_text("script", "#!/bin/sh -e\necho \"$0|$1|$-\"\n");
    OK(chmod("script", 0755));
    CHECK_EQ(run_program("./script", (char *[]){"ignored", "arg", NULL}, no_env), 0);
    CHECK(strncmp(output, "./script|arg|e", 14) == 0);
    write_text("script", "#! /bin/echo  two  words \nrest\n");
    CHECK_EQ(run_program("./script", (char *[]){"ignored", "arg", NULL}, no_env), 0);
    CHECK_STR(output, "two  words ./script arg\n");
}

TEST(script_of_a_script) {
    write_text("one", "#!/bin/sh\necho one $0 $1\n");
    write_text("two", "#!./one\n");
    OK(chmod("one", 0755));
    OK(chmod("two", 0755));
    CHECK_EQ(run_program("./two", (char *[]){"x", NULL}, no_env), 0);
    CHECK_STR(output, "one ./one ./two\n");
    write_text("loop", "#!./loop\n");
    OK(chmod("loop", 0755));
    CHECK_EQ(run_program("./loop", (char *[]){"x", NULL}, no_env), 100 + ELOOP);
}

TEST(errors) {
    char *argv[] = {"x", NULL};
    CHECK_ERRNO(execve("/no/such", argv, no_env), ENOENT);
    CHECK_ERRNO(execve("", argv, no_env), ENOENT);
    CHECK_ERRNO(execve("/tmp", argv, no_env), EACCES);
    write_text("plain", "hello");
    CHECK_ERRNO(execve("plain", argv, no_env), EACCES);
    OK(chmod("plain", 0755));
    CHECK_ERRNO(execve("plain", argv, no_env), ENOEXEC);
    CHECK_ERRNO(execve("plain/x", argv, no_env), ENOTDIR);
    write_text("empty", "");
    OK(chmod("empty", 0755));
    CHECK_ERRNO(execve("empty", argv, no_env), ENOEXEC);
    write_text("lost", "#!/no/such/interpreter\n");
    OK(chmod("lost", 0755));
    CHECK_ERRNO(execve("lost", argv, no_env), ENOENT);
    OK(symlink("circle", "circle"));
    CHECK_ERRNO(execve("circle", argv, no_env), ELOOP);
    CHECK_ERRNO(execve(bad, argv, no_env), EFAULT);
    write_text("bad", "\177ELF\2\1\1junk");
    OK(chmod("bad", 0755));
    CHECK_ERRNO(execve("bad", argv, no_env), ENOEXEC);
}

TEST(too_long_argument) {
    find_me();
    static char big[140000];
    memset(big, 'a', sizeof big - 1);
    CHECK_ERRNO(execve(me, (char *[]){me, big, NULL}, no_env), E2BIG);
    big[131071] = 0;
    CHECK_EQ(run_program("/bin/true", (char *[]){"true", big, NULL}, no_env), 0);
    enum { N = 40000 };
    static char *many[N + 2];
    for (int i = 0; i < N; i++) many[i] = "0123456789012345678901234567";
    CHECK_EQ(run_program("/bin/true", many, no_env), 0);
}

TEST(cloexec) {
    find_me();
    int keep = OK(open("/dev/null", O_RDONLY)), drop = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
    char text[100];
    snprintf(text, sizeof text, "test -e /proc/self/fd/%d && test ! -e /proc/self/fd/%d", keep, drop);
    CHECK_EQ(run_program("/bin/sh", (char *[]){"sh", "-c", text, NULL}, no_env), 0);
}

TEST(fexecve_and_execveat) {
    find_me();
    int fd = OK(open(me, O_RDONLY | O_CLOEXEC));
    pid_t pid = FORK(dup2(OK(open("out", O_WRONLY | O_CREAT, 0600)), 1);
                     syscall(SYS_execveat, fd, "", (char *[]){"n", "--show", NULL}, no_env, AT_EMPTY_PATH));
    reap(pid);
    char want[64];
    snprintf(want, sizeof want, "execfn=/dev/fd/%d", fd);
    CHECK(strstr(read_text("out"), want));
    CHECK_ERRNO(syscall(SYS_execveat, fd, "", NULL, NULL, 0), ENOENT);
    OK(symlink(me, "link"));
    CHECK_ERRNO(syscall(SYS_execveat, AT_FDCWD, "link", (char *[]){"n", NULL}, no_env, AT_SYMLINK_NOFOLLOW), ELOOP);
}

TEST(empty_argv_becomes_one_empty_string) {
    pid_t pid = FORK(syscall(SYS_execve, "/bin/sh", NULL, NULL); _exit(100 + errno));
    CHECK(WIFEXITED(status_of(pid)));
}

TEST(auxiliary_vector) {
    find_me();
    CHECK_EQ(getauxval(AT_PAGESZ), 4096);
    CHECK_EQ(getauxval(AT_CLKTCK), 100);
    CHECK_EQ(getauxval(AT_UID), getuid());
    CHECK_EQ(getauxval(AT_EGID), getegid());
    CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
    CHECK(getauxval(AT_PHNUM) > 3);
    CHECK(getauxval(AT_RANDOM) && getauxval(AT_SYSINFO_EHDR) && getauxval(AT_ENTRY) && getauxval(AT_HWCAP));
    CHECK_STR((char *)getauxval(AT_PLATFORM), "x86_64");
    CHECK_EQ(memcmp((char *)getauxval(AT_SYSINFO_EHDR), ELFMAG, SELFMAG), 0);
    const Elf64_Phdr *headers = (void *)getauxval(AT_PHDR);
    CHECK_EQ(headers[0].p_type, PT_PHDR);
}

TEST(comm_and_exe_and_cmdline) {
    find_me();
    CHECK_EQ(run_program("/bin/sh", (char *[]){"my shell", "-c", "cat /proc/$$/comm; readlink /proc/$$/exe >/dev/null", NULL}, (char *[]){"PATH=/bin:/usr/bin", NULL}), 0);
    CHECK_STR(output, "sh\n");
    CHECK_EQ(run_program("/bin/sh", (char *[]){"my shell", "-c", "tr '\\0' '|' < /proc/$$/cmdline; :", NULL}, (char *[]){"PATH=/bin:/usr/bin", NULL}), 0);
    CHECK(strncmp(output, "my shell|-c|tr", 14) == 0);
}

TEST(running_program_is_busy) {
    // A copy of this very program, so that nothing of the machine is touched.
    find_me();
    char text[PATH_MAX + 32];
    snprintf(text, sizeof text, "cp %s busy", me);
    CHECK_EQ(system(text), 0);
    int fd = OK(open("busy", O_WRONLY));
    CHECK_ERRNO(execve("busy", (char *[]){"x", NULL}, no_env), ETXTBSY);
    close(fd);
    CHECK_EQ(run_program("./busy", (char *[]){"x", "--show", NULL}, no_env), 0);
}

TEST(set_user_id_bit) {
    if (geteuid() != 0) SKIP("needs root");
    char text[PATH_MAX + 64];
    find_me();
    snprintf(text, sizeof text, "cp %s suid", me);
    CHECK_EQ(system(text), 0);
    OK(chown("suid", 1234, 1234));
    OK(chmod("suid", 04755));
    CHECK_EQ(run_program("./suid", (char *[]){"x", "--show", NULL}, no_env), 0);
    CHECK(strstr(output, "secure=1"));
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_EQ(run_program("./suid", (char *[]){"x", "--show", NULL}, no_env), 0);
    CHECK(strstr(output, "secure=0"));
}

TEST(execute_only_file) {
    if (geteuid() != 0) SKIP("needs root");
    char text[PATH_MAX + 64];
    find_me();
    snprintf(text, sizeof text, "cp %s only && chmod 0711 only", me);
    CHECK_EQ(system(text), 0);
    reap(FORK(OK(setresuid(1000, 1000, 1000)); CHECK_EQ(run_program("./only", (char *[]){"x", "--show", NULL}, no_env), 0);
              CHECK_ERRNO(open("only", O_RDONLY), EACCES)));
}

TEST(exec_in_a_loop) {
    for (int i = 0; i < 40; i++) CHECK_EQ(run_program("/bin/true", (char *[]){"true", NULL}, no_env), 0);
}

TEST(nothing_of_the_old_program_is_left) {
    find_me();
    mark();
    for (const char **how = (const char *[]){"plain", "no-vdso", "threads", NULL}; *how; how++) {
        CHECK_EQ(run_program(me, (char *[]){"x", "--chain", "20", (char *)*how, NULL}, environ), 0);
    }
}

TEST(old_memory_that_is_open_stays_away_from_the_new) {
    find_me();
    int ready[2], go[2];
    OK(pipe(ready));
    OK(pipe(go));
    pid_t pid = FORK(mark(); char byte = 1; OK(write(ready[1], &byte, 1)); OK(read(go[0], &byte, 1));
                     execve(me, (char *[]){"x", "--chain", "3", "plain", NULL}, environ));
    char byte, path[64];
    OK(read(ready[0], &byte, 1));
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int memory = OK(open(path, O_RDWR));
    CHECK_EQ(pread(memory, &byte, 1, MARK), 1);
    CHECK_EQ(byte, 0x5a);
    OK(write(go[1], &byte, 1));
    reap(pid);
    // What was opened is the old memory, which is gone.
    CHECK(pread(memory, &byte, 1, MARK) <= 0);
}

TEST(others_look_while_programs_come_and_go) {
    find_me();
    pid_t pid = FORK(execve(me, (char *[]){"x", "--chain", "60", "plain", NULL}, environ));
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        char bytes[16];
        struct iovec local = {bytes, 16}, remote = {(void *)MARK, 16};
        int fd = open(path, O_RDONLY);
        if (fd >= 0) {
            CHECK(read(fd, text, sizeof text) >= 0 || errno == ESRCH);
            close(fd);
        }
        ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
        CHECK(got == 16 || errno == EFAULT || errno == ESRCH || errno == EPERM);
        if (got == 16) CHECK(bytes[0] == 0x5a || bytes[0] == 0);
    }
    CHECK_EQ(status, 0);
}
