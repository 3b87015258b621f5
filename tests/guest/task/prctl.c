// prctl(2), arch_prctl(2), personality(2), uname(2), sysinfo(2), getcpu(2), getrandom(2), priorities.
#include "../test.h"
#include <asm/prctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

TEST(name) {
    char name[17] = {0};
    OK(prctl(PR_SET_NAME, "a name that is too long"));
    OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "a name that is ");
    CHECK_STR(read_text("/proc/self/comm"), "a name that is \n");
    write_text("/proc/self/comm", "other");
    OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "other");
}

TEST(dumpable) {
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    OK(prctl(PR_SET_DUMPABLE, 0));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
}

TEST(death_signal) {
    int number = 9;
    OK(prctl(PR_GET_PDEATHSIG, &number));
    CHECK_EQ(number, 0);
    OK(prctl(PR_SET_PDEATHSIG, SIGHUP));
    OK(prctl(PR_GET_PDEATHSIG, &number));
    CHECK_EQ(number, SIGHUP);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    reap(FORK(OK(prctl(PR_GET_PDEATHSIG, &number)); CHECK_EQ(number, 0)));
}

TEST(unknown) {
    CHECK_ERRNO(prctl(99999, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
    CHECK_ERRNO(syscall(470 + 500), ENOSYS);
    CHECK_ERRNO(syscall(-5), ENOSYS);
}

TEST(timer_slack) {
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
    OK(prctl(PR_SET_TIMERSLACK, 1000));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1000);
}

TEST(fs_and_gs_bases) {
    uint64_t fs = 0, gs = 1, word[2] = {77, 88}, got;
    OK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(got));
    CHECK(got == fs);
    OK(syscall(SYS_arch_prctl, ARCH_SET_GS, word));
    OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
    CHECK(gs == (uint64_t)word);
    __asm__ volatile("mov %%gs:8, %0" : "=r"(got));
    CHECK_EQ(got, 88);
    sched_yield();
    usleep(1000);
    reap(FORK(__asm__ volatile("mov %%gs:0, %0" : "=r"(got)); CHECK_EQ(got, 77)));
    __asm__ volatile("mov %%gs:0, %0" : "=r"(got));
    CHECK_EQ(got, 77);
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000), EPERM);
}

TEST(uname_says_linux) {
    struct utsname name;
    OK(uname(&name));
    CHECK_STR(name.sysname, "Linux");
    CHECK_STR(name.machine, "x86_64");
    CHECK(atoi(name.release) >= 4);
    char host[65];
    OK(gethostname(host, sizeof host));
    CHECK_STR(host, name.nodename);
}

static double uptime(void) {
    double seconds;
    FILE *file = fopen("/proc/uptime", "re");
    CHECK(file && fscanf(file, "%lf", &seconds) == 1);
    fclose(file);
    return seconds;
}

TEST(sysinfo_adds_up) {
    struct sysinfo info;
    double before = uptime();
    OK(sysinfo(&info));
    CHECK(info.uptime >= before && info.uptime <= uptime() + 1);
    CHECK(info.totalram > 0 && info.freeram <= info.totalram && info.mem_unit > 0 && info.procs > 0);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
}

TEST(getcpu_is_plausible) {
    unsigned cpu = 9999, node = 9999;
    OK(syscall(SYS_getcpu, &cpu, &node, NULL));
    CHECK(cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
    CHECK(sched_getcpu() >= 0);
}

TEST(random_bytes) {
    unsigned char one[64] = {0}, two[64] = {0};
    CHECK_EQ(getrandom(one, sizeof one, 0), sizeof one);
    CHECK_EQ(getrandom(two, sizeof two, GRND_NONBLOCK), sizeof two);
    CHECK(memcmp(one, two, sizeof one) != 0);
    CHECK_ERRNO(getrandom(one, 1, 0x100), EINVAL);
    CHECK_EQ(getrandom(one, 0, GRND_RANDOM), 0);
}

TEST(priorities) {
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
    OK(setpriority(PRIO_PROCESS, 0, 5));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
    OK(setpriority(PRIO_PROCESS, 0, 100));
    errno = 0;
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    reap(FORK(CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19)));
    reap(FORK(if (setresuid(1000, 1000, 1000) == 0) CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 1), EACCES)));
    CHECK_ERRNO(setpriority(99, 0, 1), EINVAL);
    errno = 0;
    CHECK_EQ(getpriority(PRIO_PROCESS, 0x3fffffff), -1);
    CHECK_EQ(errno, ESRCH);
}

TEST(scheduler_classes) {
    struct sched_param param = {0};
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    OK(sched_setscheduler(0, SCHED_BATCH, &param));
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    OK(sched_setscheduler(0, SCHED_OTHER, &param));
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    param.sched_priority = 5;
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
    OK(sched_yield());
}

TEST(personality_query) {
    CHECK_EQ(personality(0xffffffff) & 0xff, PER_LINUX);
}

TEST(session_and_group) {
    reap(FORK(OK(setsid()); CHECK_EQ(getsid(0), getpid()); CHECK_EQ(getpgrp(), getpid()); CHECK_ERRNO(setsid(), EPERM);
              CHECK_ERRNO(setpgid(0, 0), EPERM)));
    pid_t child = FORK(pause());
    OK(setpgid(child, child));
    CHECK_EQ(getpgid(child), child);
    OK(setpgid(child, getpgrp()));
    CHECK_ERRNO(setpgid(child, 0x3fffffff), EPERM);
    CHECK_ERRNO(setpgid(getppid(), 0), ESRCH);
    CHECK_ERRNO(setpgid(child, -1), EINVAL);
    CHECK_ERRNO(getpgid(0x3fffffff), ESRCH);
    kill(child, SIGKILL);
    status_of(child);
    child = FORK(execlp("sleep", "sleep", "5", NULL));
    WAIT_UNTIL(strstr(read_text(({ static char p[64]; snprintf(p, 64, "/proc/%d/comm", child); p; })), "sleep"));
    CHECK_ERRNO(setpgid(child, child), EACCES);
    kill(child, SIGKILL);
    status_of(child);
}
