// getrlimit(2), prlimit(2): who may change what, and that limits bite.
#include "../test.h"

TEST(get_set_and_inherit) {
    struct rlimit limit = {1000, 2000}, got;
    OK(setrlimit(RLIMIT_CORE, &limit));
    OK(getrlimit(RLIMIT_CORE, &got));
    CHECK(got.rlim_cur == 1000 && got.rlim_max == 2000);
    reap(FORK(OK(getrlimit(RLIMIT_CORE, &got)); CHECK_EQ(got.rlim_max, 2000)));
    limit = (struct rlimit){3000, 2000};
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &limit), EINVAL);
    CHECK_ERRNO(setrlimit(99, &limit), EINVAL);
    CHECK_ERRNO(getrlimit(99, &got), EINVAL);
}

TEST(only_privilege_raises) {
    reap(FORK(if (geteuid() == 0) OK(setresuid(1000, 1000, 1000)); struct rlimit limit = {10, 10};
              OK(setrlimit(RLIMIT_CORE, &limit)); limit.rlim_max = 20; CHECK_ERRNO(setrlimit(RLIMIT_CORE, &limit), EPERM);
              limit = (struct rlimit){5, 5}; OK(setrlimit(RLIMIT_CORE, &limit))));
}

TEST(prlimit_of_another) {
    pid_t child = FORK(pause());
    struct rlimit limit = {77, 88}, old;
    OK(prlimit(child, RLIMIT_NOFILE, &limit, &old));
    CHECK(old.rlim_max != 88);
    OK(prlimit(child, RLIMIT_NOFILE, NULL, &old));
    CHECK(old.rlim_cur == 77 && old.rlim_max == 88);
    kill(child, SIGKILL);
    status_of(child);
    CHECK_ERRNO(prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &old), ESRCH);
}

TEST(cpu_seconds) {
    pid_t child = FORK(struct rlimit limit = {1, 5}; OK(setrlimit(RLIMIT_CPU, &limit)); for (;;) {});
    CHECK_EQ(WTERMSIG(status_of(child)), SIGXCPU);
}

TEST(processes_of_a_user) {
    if (geteuid() != 0) SKIP("needs root");
    reap(FORK(struct rlimit limit = {5, 5}; OK(setrlimit(RLIMIT_NPROC, &limit)); OK(setresuid(45678, 45678, 45678));
              int count = 0; pid_t pid = 0;
              while (count < 20 && (pid = fork()) >= 0) {
                  if (pid == 0) {
                      pause();
                      _exit(0);
                  }
                  count++;
              } CHECK_EQ(errno, EAGAIN);
              CHECK_EQ(count, 4); signal(SIGTERM, SIG_IGN); kill(0, SIGTERM); while (wait(NULL) > 0) {}));
}

TEST(nice_and_stack_defaults) {
    struct rlimit got;
    OK(getrlimit(RLIMIT_STACK, &got));
    CHECK(got.rlim_cur >= 1 << 20);
    for (int resource = 0; resource < 16; resource++) OK(getrlimit(resource, &got));
}

TEST(locked_memory) {
    reap(FORK(struct rlimit limit = {4096, 4096}; OK(setrlimit(RLIMIT_MEMLOCK, &limit));
              if (geteuid() == 0) OK(setresuid(1000, 1000, 1000));
              char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              OK(mlock(p, 4096)); CHECK_ERRNO(mlock(p + 8192, 8192), ENOMEM)));
}
