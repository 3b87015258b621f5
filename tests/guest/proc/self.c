// Files of /proc: they exist, parse, agree with the calls, and are found for other processes too.
#include "../test.h"
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

TEST(self_and_thread_self) {
    char link[64] = {0}, want[64];
    OK(readlink("/proc/self", link, sizeof link));
    CHECK_EQ(atoi(link), getpid());
    memset(link, 0, sizeof link);
    OK(readlink("/proc/thread-self", link, sizeof link));
    snprintf(want, sizeof want, "%d/task/%d", getpid(), my_tid());
    CHECK_STR(link, want);
}

TEST(stat_fields) {
    OK(prctl(PR_SET_NAME, "a) (b"));
    char *text = read_text("/proc/self/stat"), name[32], state;
    int pid, parent, group, session, terminal, used = 0;
    char *end = strrchr(text, ')');
    CHECK_EQ(sscanf(text, "%d (%31s", &pid, name), 2);
    CHECK(strncmp(strchr(text, '('), "(a) (b)", 7) == 0);
    CHECK_EQ(sscanf(end + 2, "%c %d %d %d %d%n", &state, &parent, &group, &session, &terminal, &used), 5);
    CHECK(pid == getpid() && parent == getppid() && group == getpgrp() && session == getsid(0));
    CHECK_EQ(state, 'R');
    int fields = 2;
    for (char *at = end + 1; *at; at++) fields += *at == ' ';
    CHECK_EQ(fields, 52);
    CHECK_EQ(text[strlen(text) - 1], '\n');
}

TEST(statm_and_status) {
    long size, resident, shared;
    CHECK_EQ(sscanf(read_text("/proc/self/statm"), "%ld %ld %ld", &size, &resident, &shared), 3);
    CHECK(size > resident && resident > 0 && shared >= 0);
    const char *status = "/proc/self/status";
    CHECK_EQ(field_of(status, "Pid"), getpid());
    CHECK_EQ(field_of(status, "PPid"), getppid());
    CHECK_EQ(field_of(status, "Tgid"), getpid());
    CHECK_EQ(field_of(status, "TracerPid"), 0);
    CHECK_EQ(field_of(status, "Threads"), 1);
    CHECK(field_of(status, "VmRSS") > 0 && field_of(status, "VmSize") > 0 && field_of(status, "VmPeak") > 0);
    CHECK(field_of(status, "FDSize") >= 3);
    CHECK(field_of(status, "voluntary_ctxt_switches") >= 0);
    CHECK(strstr(read_text(status), "State:\tR (running)\n"));
    CHECK(strstr(read_text(status), "Umask:\t0022\n") || umask(022) != 022);
}

TEST(other_process) {
    pid_t child = FORK(execlp("sleep", "sleep", "10", NULL));
    char path[64], text[64] = {0};
    snprintf(path, sizeof path, "/proc/%d/cmdline", child);
    WAIT_UNTIL(memcmp(read_text(path), "sleep\00010", 9) == 0);
    snprintf(path, sizeof path, "/proc/%d/comm", child);
    CHECK_STR(read_text(path), "sleep\n");
    snprintf(path, sizeof path, "/proc/%d/exe", child);
    OK(readlink(path, text, sizeof text));
    CHECK(strstr(text, "sleep"));
    snprintf(path, sizeof path, "/proc/%d/cwd", child);
    memset(text, 0, sizeof text);
    OK(readlink(path, text, sizeof text));
    CHECK_STR(text, test_dir);
    snprintf(path, sizeof path, "/proc/%d/status", child);
    CHECK_EQ(field_of(path, "PPid"), getpid());
    int dir = OK(open(({ snprintf(path, sizeof path, "/proc/%d", child); path; }), O_RDONLY | O_DIRECTORY));
    kill(child, SIGKILL);
    status_of(child);
    CHECK_ERRNO(openat(dir, "status", O_RDONLY), ESRCH);
    CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
}

TEST(zombie_shows) {
    pid_t child = FORK(_exit(0));
    char path[64];
    WAIT_UNTIL(state_of(child) == 'Z');
    snprintf(path, sizeof path, "/proc/%d/cmdline", child);
    CHECK_STR(read_text(path), "");
    snprintf(path, sizeof path, "/proc/%d/status", child);
    CHECK(strstr(read_text(path), "State:\tZ (zombie)\n"));
    snprintf(path, sizeof path, "/proc/%d/exe", child);
    CHECK_ERRNO(readlink(path, (char[64]){0}, 64), ENOENT);
    reap(child);
}

TEST(list_of_processes) {
    pid_t child = FORK(pause());
    bool me = false, it = false;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(dir));) {
        me |= atoi(entry->d_name) == getpid();
        it |= atoi(entry->d_name) == child;
    }
    CHECK(me && it);
    kill(child, SIGKILL);
    status_of(child);
}

TEST(environment) {
    setenv("PROC_TEST", "value", 1);
    pid_t child = FORK(execlp("sleep", "sleep", "10", NULL));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", child);
    WAIT_UNTIL(({ char *text = read_text(path); bool found = false;
                  for (char *at = text; *at; at += strlen(at) + 1) found |= strcmp(at, "PROC_TEST=value") == 0; found; }));
    kill(child, SIGKILL);
    status_of(child);
}

TEST(limits_file) {
    struct rlimit limit = {123, 456};
    OK(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK(strstr(read_text("/proc/self/limits"), "Max open files            123                  456                  files"));
}

TEST(mounts) {
    CHECK(strstr(read_text("/proc/self/mounts"), " /proc proc "));
    char *text = read_text("/proc/self/mountinfo");
    CHECK(strstr(text, " / / ") && strstr(text, " - proc "));
    int id, parent, major, minor;
    CHECK_EQ(sscanf(text, "%d %d %d:%d", &id, &parent, &major, &minor), 4);
    CHECK(strlen(read_text("/proc/mounts")) > 10);
}

TEST(machine_files) {
    CHECK(field_of("/proc/meminfo", "MemTotal") > 0);
    CHECK(field_of("/proc/meminfo", "MemAvailable") > 0);
    double up, idle, one, five, fifteen;
    CHECK_EQ(sscanf(read_text("/proc/uptime"), "%lf %lf", &up, &idle), 2);
    CHECK(up > 0);
    int running, total, last;
    CHECK_EQ(sscanf(read_text("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &one, &five, &fifteen, &running, &total, &last), 6);
    char *text = read_text("/proc/cpuinfo");
    int count = 0;
    for (char *at = text; (at = strstr(at, "processor\t:")); at++) count++;
    CHECK_EQ(count, sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(strstr(text, "flags\t\t:") && strstr(text, "sse2"));
    text = read_text("/proc/stat");
    CHECK(strncmp(text, "cpu  ", 5) == 0 && strstr(text, "\nbtime ") && strstr(text, "\nprocesses "));
    CHECK(strncmp(read_text("/proc/version"), "Linux version ", 14) == 0);
    CHECK(strstr(read_text("/proc/filesystems"), "nodev\tproc\n"));
}

TEST(kernel_settings) {
    struct {
        const char *path;
        long least;
    } numbers[] = {{"/proc/sys/kernel/pid_max", 300},       {"/proc/sys/vm/max_map_count", 1000},
                   {"/proc/sys/kernel/threads-max", 10},    {"/proc/sys/fs/file-max", 100},
                   {"/proc/sys/fs/nr_open", 1024},          {"/proc/sys/fs/pipe-max-size", 65536},
                   {"/proc/sys/vm/overcommit_memory", 0},   {"/proc/sys/kernel/randomize_va_space", 0},
                   {"/proc/sys/net/core/somaxconn", 16},    {"/proc/sys/kernel/ngroups_max", 32},
                   {"/proc/sys/kernel/cap_last_cap", 30}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (atol(read_text(numbers[i].path)) < numbers[i].least) FAIL("%s is small", numbers[i].path);
    char *host = read_text("/proc/sys/kernel/hostname"), name[65];
    OK(gethostname(name, sizeof name));
    CHECK(strncmp(host, name, strlen(name)) == 0);
    CHECK(strlen(read_text("/proc/sys/kernel/random/boot_id")) == 37);
    CHECK(strcmp(read_text("/proc/sys/kernel/random/uuid"), "") != 0);
}

TEST(oom_score) {
    CHECK_STR(read_text("/proc/self/oom_score_adj"), "0\n");
    write_text("/proc/self/oom_score_adj", "500");
    CHECK_STR(read_text("/proc/self/oom_score_adj"), "500\n");
    reap(FORK(CHECK_STR(read_text("/proc/self/oom_score_adj"), "500\n")));
    int fd = OK(open("/proc/self/oom_score_adj", O_WRONLY));
    CHECK_ERRNO(write(fd, "2000", 4), EINVAL);
}

TEST(smaps_and_io) {
    char *text = read_text("/proc/self/smaps_rollup");
    CHECK(strstr(text, "Rss:") && strstr(text, "Pss:"));
    CHECK(field_of("/proc/self/io", "rchar") > 0);
    long written = field_of("/proc/self/io", "wchar"), calls = field_of("/proc/self/io", "syscw");
    write_text("written", "ten bytes.");
    CHECK_EQ(field_of("/proc/self/io", "wchar"), written + 10);
    CHECK_EQ(field_of("/proc/self/io", "syscw"), calls + 1);
    CHECK(read_text("/proc/self/auxv")[0] != 0);
}

TEST(task_directory) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", my_tid());
    CHECK_EQ(field_of(path, "Pid"), my_tid());
    CHECK_ERRNO(open("/proc/self/task/1/status", O_RDONLY), getpid() == 1 ? 0 : ENOENT);
    DIR *dir = opendir("/proc/self/task");
    int count = 0;
    while (readdir(dir)) count++;
    CHECK_EQ(count, 3);
}

TEST(reading_in_small_pieces) {
    char whole[8192], pieces[8192];
    int fd = OK(open("/proc/self/limits", O_RDONLY));
    ssize_t n = OK(read(fd, whole, sizeof whole)), at = 0, got;
    OK(lseek(fd, 0, SEEK_SET));
    while ((got = OK(read(fd, pieces + at, 7))) > 0) at += got;
    CHECK_EQ(at, n);
    CHECK(memcmp(whole, pieces, n) == 0);
    CHECK_EQ(pread(fd, pieces, 5, 4), 5);
    CHECK(memcmp(pieces, whole + 4, 5) == 0);
}

TEST(cannot_be_written) {
    CHECK_ERRNO(open("/proc/newfile", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_ERRNO(mkdir("/proc/x", 0700), ENOENT);
    CHECK_ERRNO(unlink("/proc/self/status"), EPERM);
    reap(FORK(if (geteuid() == 0) OK(setresuid(1000, 1000, 1000));
              CHECK_ERRNO(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES)));
}

TEST(sys_topology) {
    CHECK(strlen(read_text("/sys/devices/system/cpu/online")) > 1);
    CHECK(strlen(read_text("/sys/devices/system/cpu/possible")) > 1);
    DIR *dir = opendir("/sys");
    CHECK(dir);
}
