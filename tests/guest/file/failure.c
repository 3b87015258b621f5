// Calls that fail again and again because of what a path names, and what makes them succeed.
#include "../test.h"
#include <sys/mount.h>
#include <sys/prctl.h>

#define DIR "/tmp/failures"
#define AGAIN 40

static char buf[64];

// What each call says of a path: 0 or the error.
static int stat_of(const char *path) { struct stat st; return stat(path, &st) ? errno : 0; }
static int lstat_of(const char *path) { struct stat st; return lstat(path, &st) ? errno : 0; }
static int access_of(const char *path) { return access(path, F_OK) ? errno : 0; }
static int faccessat_of(const char *path) { return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) ? errno : 0; }
static int link_of(const char *path) { return readlink(path, buf, sizeof buf) < 0 ? errno : 0; }
static int linkat_of(const char *path) { return readlinkat(AT_FDCWD, path, buf, sizeof buf) < 0 ? errno : 0; }

static int (*const calls[])(const char *) = {stat_of, lstat_of, access_of, faccessat_of, link_of, linkat_of};

// Each call says `found` of a path again and again, those for links `as_link`.
static void expect(const char *path, int found, int as_link) {
    for (int round = 0; round < AGAIN; round++)
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
            CHECK_EQ(calls[i](path), i < 4 ? found : as_link);
}

static void fresh(void) {
    (void)!system("rm -rf " DIR);
    OK(mkdir(DIR, 0755));
}

static void make_file(const char *path) {
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    OK(fd);
    close(fd);
}

TEST(what_is_made_is_found) {
    fresh();
    expect(DIR "/a", ENOENT, ENOENT);
    make_file(DIR "/a");
    expect(DIR "/a", 0, EINVAL);
    OK(unlink(DIR "/a"));
    expect(DIR "/a", ENOENT, ENOENT);
    OK(symlink("b", DIR "/a"));
    CHECK_EQ(stat_of(DIR "/a"), ENOENT);
    CHECK_EQ(lstat_of(DIR "/a"), 0);
    CHECK_EQ(link_of(DIR "/a"), 0);
    make_file(DIR "/b");
    CHECK_EQ(stat_of(DIR "/a"), 0);
    OK(unlink(DIR "/a"));
    OK(mkdir(DIR "/a", 0755));
    expect(DIR "/a", 0, EINVAL);
    expect(DIR "/a/x/y", ENOENT, ENOENT);
    OK(mkdir(DIR "/a/x", 0755));
    OK(mkdir(DIR "/a/x/y", 0755));
    expect(DIR "/a/x/y", 0, EINVAL);
}

TEST(what_is_renamed_is_found) {
    fresh();
    make_file(DIR "/old");
    expect(DIR "/new", ENOENT, ENOENT);
    OK(rename(DIR "/old", DIR "/new"));
    expect(DIR "/new", 0, EINVAL);
    expect(DIR "/old", ENOENT, ENOENT);
    OK(link(DIR "/new", DIR "/old"));
    expect(DIR "/old", 0, EINVAL);
    OK(mkdir(DIR "/d", 0755));
    OK(symlink("nowhere", DIR "/link"));
    expect(DIR "/d", 0, EINVAL);
    OK(renameat2(AT_FDCWD, DIR "/d", AT_FDCWD, DIR "/link", RENAME_EXCHANGE));
    CHECK_EQ(link_of(DIR "/d"), 0);
    CHECK_EQ(link_of(DIR "/link"), EINVAL);
}

TEST(a_link_on_the_way_turns) {
    fresh();
    OK(mkdir(DIR "/one", 0755));
    OK(mkdir(DIR "/two", 0755));
    make_file(DIR "/two/file");
    OK(symlink("one", DIR "/way"));
    expect(DIR "/way/file", ENOENT, ENOENT);
    OK(unlink(DIR "/way"));
    OK(symlink("two", DIR "/way"));
    expect(DIR "/way/file", 0, EINVAL);
}

TEST(others_make_it) {
    fresh();
    int go[2], done[2];
    OK(pipe(go));
    OK(pipe(done));
    pid_t pid = FORK(
        char c;
        for (int i = 0; i < 100 && read(go[0], &c, 1) == 1; i++) {
            if (i % 2 == 0) make_file(DIR "/theirs");
            else OK(unlink(DIR "/theirs"));
            OK(write(done[1], "x", 1));
        }
    );
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 20; j++) CHECK_EQ(access_of(DIR "/theirs"), i % 2 == 0 ? ENOENT : 0);
        char c;
        OK(write(go[1], "x", 1));
        OK(read(done[0], &c, 1));
    }
    reap(pid);
}

static void *make_in_turns(void *turn) {
    for (int i = 0; i < 200; i++) {
        while (__atomic_load_n((int *)turn, __ATOMIC_ACQUIRE) != 2 * i + 1) sched_yield();
        if (i % 2 == 0) make_file(DIR "/shared");
        else OK(unlink(DIR "/shared"));
        __atomic_store_n((int *)turn, 2 * i + 2, __ATOMIC_RELEASE);
    }
    return NULL;
}

TEST(another_thread_makes_it) {
    fresh();
    int turn = 0;
    pthread_t thread = start_thread(make_in_turns, &turn);
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < 12; j++) CHECK_EQ(stat_of(DIR "/shared"), i % 2 == 0 ? ENOENT : 0);
        __atomic_store_n(&turn, 2 * i + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2 * i + 2) sched_yield();
    }
    join_thread(thread);
}

TEST(rights_change) {
    fresh();
    OK(mkdir(DIR "/closed", 0755));
    pid_t pid = FORK(
        OK(setresuid(1000, 1000, 0));
        expect(DIR "/closed/x", ENOENT, ENOENT);
        OK(setresuid(0, 0, 0));
        OK(chmod(DIR "/closed", 0700));
        OK(setresuid(1000, 1000, 0));
        expect(DIR "/closed/x", EACCES, EACCES);
        OK(setresuid(0, 0, 0));
        expect(DIR "/closed/x", ENOENT, ENOENT);
        OK(chown(DIR "/closed", 1000, 0));
        OK(setresuid(1000, 1000, 0));
        expect(DIR "/closed/x", ENOENT, ENOENT);
        OK(setresuid(0, 0, 0));
        OK(chown(DIR "/closed", 0, 0));
        expect(DIR "/closed/x", ENOENT, ENOENT);
        OK(setresuid(1000, 1000, 0));
        CHECK_EQ(stat_of(DIR "/closed/x"), EACCES)
    );
    reap(pid);
}

TEST(threads_have_their_own_rights) {
    fresh();
    OK(mkdir(DIR "/closed", 0700));
    pid_t pid = FORK(
        expect(DIR "/closed/x", ENOENT, ENOENT);
        OK(syscall(SYS_setfsuid, 1000) < 0 ? -1 : 0);
        // access(2) asks for the real user, stat(2) for that of files.
        for (int i = 0; i < AGAIN; i++) {
            CHECK_EQ(stat_of(DIR "/closed/x"), EACCES);
            CHECK_EQ(access_of(DIR "/closed/x"), ENOENT);
        }
    );
    reap(pid);
}

TEST(mounts_and_roots_change) {
    fresh();
    OK(mkdir(DIR "/at", 0755));
    OK(mkdir(DIR "/root", 0755));
    pid_t pid = FORK(
        if (unshare(CLONE_NEWNS) != 0) _exit(0);
        OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        expect(DIR "/at/x", ENOENT, ENOENT);
        OK(mount("none", DIR "/at", "tmpfs", 0, NULL));
        make_file(DIR "/at/x");
        expect(DIR "/at/x", 0, EINVAL);
        OK(umount(DIR "/at"));
        expect(DIR "/at/x", ENOENT, ENOENT);
        expect("/inside", ENOENT, ENOENT);
        make_file(DIR "/root/inside");
        expect("/inside", ENOENT, ENOENT);
        OK(chroot(DIR "/root"));
        expect("/inside", 0, EINVAL);
        expect(DIR, ENOENT, ENOENT);
    );
    reap(pid);
}

TEST(paths_of_processes_come_and_go) {
    for (int i = 0; i < 50; i++) {
        int fds[2];
        OK(pipe(fds));
        char path[32];
        pid_t pid = FORK(char c; close(fds[1]); read(fds[0], &c, 1));
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fds[0]);
        CHECK_EQ(lstat_of(path), 0);
        close(fds[1]);
        close(fds[0]);
        reap(pid);
        for (int j = 0; j < 12; j++) CHECK_EQ(lstat_of(path), ENOENT);
    }
}

TEST(lengths_and_flags_count) {
    fresh();
    make_file(DIR "/f");
    struct stat st;
    for (int i = 0; i < AGAIN; i++) {
        CHECK_EQ(link_of(DIR "/f"), EINVAL);
        CHECK_ERRNO(readlink(DIR "/none", buf, sizeof buf), ENOENT);
        CHECK_ERRNO(syscall(SYS_readlink, DIR "/none", buf, 0), EINVAL);
        CHECK_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, DIR "/none", &st, 0), ENOENT);
        CHECK_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, DIR "/none", &st, 0x40000000), EINVAL);
        CHECK_ERRNO(syscall(SYS_access, DIR "/none", 0x100), EINVAL);
        CHECK_ERRNO(syscall(SYS_access, DIR "/none", 0), ENOENT);
        CHECK_ERRNO(syscall(SYS_newfstatat, -1, DIR "/none", &st, 0), ENOENT);
    }
}

TEST(relative_paths_follow_the_directory) {
    fresh();
    OK(mkdir(DIR "/a", 0755));
    OK(mkdir(DIR "/b", 0755));
    make_file(DIR "/b/x");
    OK(chdir(DIR "/a"));
    expect("x", ENOENT, ENOENT);
    OK(chdir(DIR "/b"));
    expect("x", 0, EINVAL);
}
