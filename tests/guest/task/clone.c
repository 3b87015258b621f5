// clone(2), clone3(2), fork, vfork: what is shared, what is told, what is refused.
#include "../test.h"
#include <sys/mount.h>
#include <linux/sched.h>
#include <sys/prctl.h>

enum { STACK = 65536 };
static char stack[STACK] __attribute__((aligned(16)));
static volatile int value;
static volatile pid_t tid_word;

static int set_value(void *argument) {
    value = (int)(intptr_t)argument;
    return 7;
}

TEST(fork_copies_memory) {
    value = 1;
    reap(FORK(value = 2));
    CHECK_EQ(value, 1);
}

TEST(clone_vm_shares_memory) {
    pid_t pid = OK(clone(set_value, stack + STACK, CLONE_VM | SIGCHLD, (void *)5));
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 7);
    CHECK_EQ(value, 5);
}

TEST(vfork_shares_and_suspends) {
    value = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        value = 9;
        usleep(20000);
        value = 10;
        _exit(3);
    }
    CHECK_EQ(value, 10);
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 3);
}

TEST(vfork_ends_at_exec) {
    int fds[2];
    OK(pipe2(fds, O_CLOEXEC));
    int64_t start = now_ms();
    pid_t pid = vfork();
    if (pid == 0) {
        execlp("sleep", "sleep", "1", NULL);
        _exit(9);
    }
    CHECK(now_ms() - start < 900);
    kill(pid, SIGKILL);
    status_of(pid);
}

TEST(vfork_failed_exec) {
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/no/such/program", "x", NULL);
        error = errno;
        _exit(127);
    }
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 127);
    CHECK_EQ(error, ENOENT);
}

TEST(vfork_in_threads_at_once) {
    pid_t pids[8];
    for (int i = 0; i < 8; i++) {
        pids[i] = vfork();
        if (pids[i] == 0) _exit(i);
    }
    for (int i = 0; i < 8; i++) CHECK_EQ(WEXITSTATUS(status_of(pids[i])), i);
}

static int change_files(void *argument) {
    (void)argument;
    close(10);
    umask(0123);
    return chdir("/");
}

TEST(clone_files_and_fs) {
    OK(dup2(0, 10));
    umask(022);
    pid_t pid = OK(clone(change_files, stack + STACK, CLONE_FILES | CLONE_FS | SIGCHLD, NULL));
    reap(pid);
    CHECK_ERRNO(fcntl(10, F_GETFD), EBADF);
    CHECK_EQ(umask(022), 0123);
    char here[PATH_MAX];
    CHECK_STR(getcwd(here, sizeof here), "/");
    OK(dup2(0, 10));
    pid = OK(clone(change_files, stack + STACK, SIGCHLD, NULL));
    reap(pid);
    OK(fcntl(10, F_GETFD));
    CHECK_EQ(umask(022), 022);
}

TEST(parent_and_child_tid) {
    pid_t parent_tid = 0;
    pid_t pid = OK(clone(set_value, stack + STACK, CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL,
                         &parent_tid, NULL, &tid_word));
    CHECK_EQ(parent_tid, pid);
    status_of(pid);
    tid_word = 5;
    pid = OK(clone(set_value, stack + STACK, CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL,
                   NULL, &tid_word));
    status_of(pid);
    CHECK_EQ(tid_word, 0);
}

TEST(child_settid_in_a_fork) {
    tid_word = 0;
    pid_t pid = syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, NULL, &tid_word, NULL);
    if (pid == 0) _exit(tid_word == getpid() ? 0 : 1);
    reap(pid);
    CHECK_EQ(tid_word, 0);
}

TEST(exit_signal) {
    block_signal(SIGUSR1);
    pid_t pid = OK(clone(set_value, stack + STACK, CLONE_VM | SIGUSR1, NULL));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_ERRNO(waitpid(pid, NULL, WNOHANG), ECHILD);
    CHECK_EQ(waitpid(pid, NULL, __WCLONE), pid);
    pid = OK(clone(set_value, stack + STACK, CLONE_VM, NULL));
    CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
}

TEST(clone_parent) {
    volatile pid_t *seen = shared_page();
    pid_t middle = FORK(pid_t p = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, NULL, NULL, NULL); if (p == 0) {
        seen[0] = getppid();
        _exit(8);
    } seen[1] = p);
    reap(middle);
    int status;
    CHECK_EQ(waitpid(seen[1], &status, 0), seen[1]);
    CHECK_EQ(WEXITSTATUS(status), 8);
    CHECK_EQ(seen[0], getpid());
}

static volatile uint64_t tls_seen;
static uint64_t tls_block[64];
static int read_tls(void *argument) {
    (void)argument;
    uint64_t got;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(got));
    tls_seen = got;
    syscall(SYS_exit, 0);
    return 0;
}

TEST(settls) {
    tls_block[0] = 0xabcdef;
    pid_t pid = OK(clone(read_tls, stack + STACK, CLONE_VM | CLONE_SETTLS | SIGCHLD, NULL, NULL, tls_block, NULL));
    reap(pid);
    CHECK_EQ(tls_seen, 0xabcdef);
}

TEST(refused_combinations) {
    CHECK_ERRNO(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
    struct clone_args args = {.exit_signal = 65};
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EINVAL);
    args = (struct clone_args){.exit_signal = SIGCHLD, .stack = (uint64_t)stack};
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone3, &args, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone3, 8, sizeof args), EFAULT);
    CHECK_ERRNO(syscall(SYS_clone3, &args, 5000), E2BIG);
}

TEST(clone3_into_a_cgroup) {
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = 1u << 31};
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EINVAL);
    args.cgroup = 1000;
    CHECK_ERRNO(syscall(SYS_clone3, &args, 80), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EBADF);
    args.cgroup = (unsigned)OK(open("/", O_RDONLY | O_DIRECTORY));
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EBADF);
    OK(unshare(CLONE_NEWNS));
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    char dir[] = "/tmp/cgroup-XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    OK(mount("cgroup", dir, "cgroup2", 0, NULL));
    int group = OK(open(dir, O_PATH)), file = OK(openat(group, "cgroup.procs", O_RDONLY));
    args.cgroup = (unsigned)file;
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EBADF);
    args.cgroup = (unsigned)group;
    pid_t pid = OK(syscall(SYS_clone3, &args, sizeof args));
    if (pid == 0) _exit(4);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 4);
    OK(umount2(dir, MNT_DETACH));
    OK(rmdir(dir));
    OK(setresuid(1, 1, 1));
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EACCES);
}

TEST(clone3_with_pidfd) {
    int pidfd = -1;
    pid_t parent_tid = 0;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
        .pidfd = (uint64_t)&pidfd,
        .parent_tid = (uint64_t)&parent_tid,
        .exit_signal = SIGCHLD,
    };
    pid_t pid = OK(syscall(SYS_clone3, &args, sizeof args));
    if (pid == 0) _exit(12);
    CHECK_EQ(parent_tid, pid);
    CHECK(pidfd > 2);
    siginfo_t info;
    OK(waitid(P_PIDFD, pidfd, &info, WEXITED));
    CHECK_EQ(info.si_status, 12);
}

static void empty_handler(int number) { (void)number; }
TEST(clear_sighand) {
    handle(SIGUSR1, empty_handler, 0);
    signal(SIGUSR2, SIG_IGN);
    struct clone_args args = {.flags = 0x100000000ull /* CLONE_CLEAR_SIGHAND */, .exit_signal = SIGCHLD};
    pid_t pid = OK(syscall(SYS_clone3, &args, sizeof args));
    if (pid == 0) {
        struct sigaction action;
        sigaction(SIGUSR1, NULL, &action);
        if (action.sa_handler != SIG_DFL) _exit(1);
        sigaction(SIGUSR2, NULL, &action);
        _exit(action.sa_handler != SIG_IGN);
    }
    reap(pid);
}

TEST(pids_differ_and_grow) {
    pid_t first = FORK(_exit(0)), second = FORK(_exit(0));
    CHECK(first != second && first != getpid());
    reap(first);
    reap(second);
    CHECK_EQ(getpid(), syscall(SYS_getpid));
    reap(FORK(CHECK(getpid() == my_tid()); CHECK_EQ(getppid(), getpgid(0))));
}

static volatile int forked;
static void *fork_in_thread(void *argument) {
    for (int i = 0; i < 20; i++) reap(FORK(CHECK_EQ(getpid(), my_tid())));
    forked++;
    return argument;
}

TEST(fork_from_many_threads) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(fork_in_thread, NULL);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
}

static void *spin(void *stop) {
    while (!*(volatile int *)stop) {
    }
    return NULL;
}

static void leave(int signal) { _exit(signal); }

// A process group that makes children as fast as it can gets a signal: nobody is left out, whenever it comes.
static void signal_forkers(int number) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    for (int round = 0; round < 60; round++) {
        int ready[2];
        OK(pipe(ready));
        pid_t leader = FORK({
            signal(SIGTERM, leave);
            OK(setpgid(0, 0));
            OK(write(ready[1], "", 1));
            for (int i = 0; i < 50; i++)
                if (OK(fork()) == 0)
                    for (;;) pause();
            for (;;) pause();
        });
        char byte;
        CHECK_EQ(read(ready[0], &byte, 1), 1);
        close(ready[0]), close(ready[1]);
        usleep(round * 37 % 1000);
        OK(kill(-leader, number));
        // One that was left out pauses until this test is out of time.
        while (wait(NULL) > 0) {}
        CHECK_EQ(errno, ECHILD);
    }
}

TEST(kill_of_a_forking_group) { signal_forkers(SIGKILL); }

TEST(signal_to_a_forking_group) { signal_forkers(SIGTERM); }

TEST(fork_has_one_thread) {
    int stop = 0;
    pthread_t thread = start_thread(spin, &stop);
    reap(FORK(CHECK_EQ(field_of("/proc/self/status", "Threads"), 1)));
    CHECK_EQ(field_of("/proc/self/status", "Threads"), 2);
    stop = 1;
    join_thread(thread);
}

TEST(five_hundred_at_once) {
    // All alive at the same time.
    volatile int *alive = shared_page();
    int fds[2];
    OK(pipe(fds));
    for (int i = 0; i < 500; i++)
        FORK(char c; close(fds[1]); __atomic_add_fetch(alive, 1, __ATOMIC_SEQ_CST); read(fds[0], &c, 1); _exit(0));
    WAIT_UNTIL(__atomic_load_n(alive, __ATOMIC_SEQ_CST) == 500);
    close(fds[1]);
    for (int i = 0; i < 500; i++) {
        int status;
        OK(wait(&status));
        CHECK_EQ(status, 0);
    }
}
