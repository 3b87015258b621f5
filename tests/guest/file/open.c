// open(2), read, write, lseek, truncate, holes, O_APPEND, O_TMPFILE, stat.
#include "../test.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <linux/openat2.h>

TEST(flags) {
    CHECK_ERRNO(open("f", O_RDONLY), ENOENT);
    int fd = OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
    CHECK_ERRNO(open("f", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    OK(write(fd, "hello", 5));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(st.st_size, 5);
    close(OK(open("f", O_WRONLY | O_TRUNC)));
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 0);
    CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open(".", O_WRONLY), EISDIR);
    CHECK_ERRNO(open(".", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
    char name[300];
    memset(name, 'a', 299);
    name[299] = 0;
    CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
    static char path[5000];
    memset(path, '/', 4999);
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
    name[255] = 0;
    OK(open(name, O_CREAT | O_RDWR, 0600));
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_CREAT), O_RDWR);
}

TEST(umask_and_modes) {
    umask(027);
    struct stat st;
    close(OK(open("f", O_CREAT | O_RDWR, 0777)));
    OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0750);
    OK(mkdir("d", 01777));
    OK(stat("d", &st));
    CHECK_EQ(st.st_mode, S_IFDIR | 01750);
    CHECK_EQ(umask(022), 027);
    int fd = OK(open("r", O_CREAT | O_RDWR, 0444));
    OK(write(fd, "x", 1));
}

TEST(reading_and_seeking) {
    write_text("f", "0123456789");
    int fd = OK(open("f", O_RDWR));
    char b[16];
    CHECK_EQ(read(fd, b, 4), 4);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    CHECK_EQ(lseek(fd, -2, SEEK_END), 8);
    CHECK_EQ(read(fd, b, 16), 2);
    CHECK_EQ(read(fd, b, 16), 0);
    CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
    CHECK_EQ(read(fd, b, 16), 0);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
    CHECK_EQ(pread(fd, b, 3, 5), 3);
    CHECK(memcmp(b, "567", 3) == 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 100);
    CHECK_ERRNO(pread(fd, b, 1, -1), EINVAL);
    CHECK_EQ(pwrite(fd, "AB", 2, 1), 2);
    CHECK_STR(read_text("f"), "0AB3456789");
    struct iovec v[2] = {{b, 2}, {b + 2, 2}};
    CHECK_EQ(preadv(fd, v, 2, 6), 4);
    CHECK(memcmp(b, "6789", 4) == 0);
    CHECK_EQ(preadv2(fd, v, 2, 0, 0), 4);
    CHECK_ERRNO(read(fd + 50, b, 1), EBADF);
    CHECK_ERRNO(read(OK(open("f", O_WRONLY)), b, 1), EBADF);
    CHECK_ERRNO(write(OK(open("f", O_RDONLY)), b, 1), EBADF);
    CHECK_ERRNO(read(OK(open(".", O_RDONLY)), b, 1), EISDIR);
}

TEST(append) {
    write_text("f", "abc");
    int fd = OK(open("f", O_WRONLY | O_APPEND)), other = OK(open("f", O_WRONLY | O_APPEND));
    OK(write(fd, "1", 1));
    OK(write(other, "2", 1));
    OK(write(fd, "3", 1));
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_STR(read_text("f"), "abc123x");
    OK(fcntl(fd, F_SETFL, 0));
    OK(lseek(fd, 0, SEEK_SET));
    OK(write(fd, "A", 1));
    CHECK_STR(read_text("f"), "Abc123x");
    enum { N = 300 };
    for (int p = 0; p < 3; p++)
        FORK(int mine = OK(open("f", O_WRONLY | O_APPEND)); for (int i = 0; i < N; i++) OK(write(mine, "0123456789", 10)));
    for (int p = 0; p < 3; p++) {
        int status;
        OK(wait(&status));
        CHECK_EQ(status, 0);
    }
    struct stat st;
    OK(stat("f", &st));
    CHECK_EQ(st.st_size, 7 + 3 * N * 10);
}

TEST(truncate_and_holes) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 1 << 30));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 1 << 30);
    CHECK(st.st_blocks < 1000);
    char b[4] = "xxx";
    CHECK_EQ(pread(fd, b, 3, 1 << 29), 3);
    CHECK(b[0] == 0 && b[2] == 0);
    CHECK_EQ(pwrite(fd, "end", 3, 1 << 20), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 1 << 20);
    CHECK(lseek(fd, 1 << 20, SEEK_HOLE) > 1 << 20);
    CHECK_ERRNO(lseek(fd, 1 << 30, SEEK_DATA), ENXIO);
    OK(truncate("f", 5));
    CHECK_EQ(pread(fd, b, 3, 5), 0);
    OK(ftruncate(fd, 100));
    CHECK_EQ(pread(fd, b, 3, 50), 3);
    CHECK_EQ(b[0], 0);
    CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
    CHECK_ERRNO(ftruncate(OK(open("f", O_RDONLY)), 1), EINVAL);
    CHECK_ERRNO(truncate(".", 1), EISDIR);
    CHECK_ERRNO(truncate("none", 1), ENOENT);
}

TEST(fallocate_modes) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(fallocate(fd, 0, 0, 8192));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 8192);
    OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536));
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 8192);
    OK(pwrite(fd, "aaaa", 4, 4096));
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
    char b[4];
    CHECK_EQ(pread(fd, b, 4, 4096), 4);
    CHECK_EQ(b[0], 0);
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, -1, 5), EINVAL);
    int fds[2];
    OK(pipe(fds));
    CHECK_ERRNO(fallocate(fds[1], 0, 0, 5), ESPIPE);
}

TEST(file_size_limit) {
    struct rlimit limit = {4096, 4096};
    OK(setrlimit(RLIMIT_FSIZE, &limit));
    signal(SIGXFSZ, SIG_IGN);
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    static char b[8192];
    CHECK_EQ(write(fd, b, 8192), 4096);
    CHECK_ERRNO(write(fd, b, 1), EFBIG);
    CHECK_ERRNO(ftruncate(fd, 5000), EFBIG);
    CHECK_EQ(WTERMSIG(status_of(FORK(signal(SIGXFSZ, SIG_DFL); OK(write(fd, b, 1))))), SIGXFSZ);
}

TEST(tmpfile) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno == EOPNOTSUPP) SKIP("no O_TMPFILE here");
    OK(fd);
    OK(write(fd, "secret", 6));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_nlink, 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    CHECK_STR(read_text("named"), "secret");
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}

TEST(stat_fields) {
    write_text("f", "0123456789");
    OK(link("f", "g"));
    struct stat st, other;
    OK(stat("f", &st));
    OK(stat("g", &other));
    CHECK(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
    CHECK_EQ(st.st_nlink, 2);
    CHECK_EQ(st.st_uid, getuid());
    CHECK(st.st_blksize >= 512);
    CHECK(llabs((long long)st.st_mtim.tv_sec - time(NULL)) < 10);
    struct statx sx;
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
    CHECK(sx.stx_size == 10 && sx.stx_nlink == 2 && sx.stx_ino == st.st_ino);
    CHECK(makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev);
    OK(statx(OK(open("f", O_RDONLY)), "", AT_EMPTY_PATH, STATX_SIZE, &sx));
    CHECK_ERRNO(statx(AT_FDCWD, "", 0, STATX_SIZE, &sx), ENOENT);
    OK(symlink("f", "l"));
    OK(lstat("l", &st));
    CHECK(S_ISLNK(st.st_mode));
    CHECK_EQ(st.st_size, 1);
    OK(stat("/dev/null", &st));
    CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
    struct statfs fs;
    OK(statfs(".", &fs));
    CHECK(fs.f_bsize > 0 && fs.f_namelen >= 255);
    CHECK_ERRNO(statfs("none", &fs), ENOENT);
    struct statvfs vfs;
    OK(statvfs("/proc", &vfs));
}

TEST(times) {
    write_text("f", "x");
    struct timespec t[2] = {{1000, 5}, {2000, 7}};
    OK(utimensat(AT_FDCWD, "f", t, 0));
    struct stat st;
    OK(stat("f", &st));
    CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
    t[0].tv_nsec = UTIME_OMIT;
    t[1].tv_nsec = UTIME_NOW;
    OK(utimensat(AT_FDCWD, "f", t, 0));
    OK(stat("f", &st));
    CHECK(st.st_atim.tv_sec == 1000 && llabs((long long)st.st_mtim.tv_sec - time(NULL)) < 10);
    OK(utimensat(AT_FDCWD, "f", NULL, 0));
    t[0].tv_nsec = 1000000000;
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", t, 0), EINVAL);
    int fd = OK(open("f", O_RDWR));
    struct timespec old[2] = {{1, 0}, {1, 0}};
    OK(futimens(fd, old));
    OK(write(fd, "y", 1));
    OK(fstat(fd, &st));
    CHECK(st.st_mtim.tv_sec > 1);
}

TEST(o_path_and_nofollow) {
    write_text("f", "x");
    OK(symlink("f", "l"));
    CHECK_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    int fd = OK(open("l", O_PATH | O_NOFOLLOW));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK(S_ISLNK(st.st_mode));
    char b[8];
    CHECK_EQ(readlinkat(fd, "", b, 8), 1);
    CHECK_ERRNO(read(fd, b, 1), EBADF);
    CHECK_ERRNO(fchmod(fd, 0600), EBADF);
    int dir = OK(open(".", O_PATH));
    OK(openat(dir, "f", O_RDONLY));
    CHECK_ERRNO(openat(fd, "f", O_RDONLY), ENOTDIR);
    OK(symlink("loop", "loop"));
    CHECK_ERRNO(open("loop", O_RDONLY), ELOOP);
}

TEST(openat2_resolve) {
    OK(mkdir("d", 0700));
    OK(symlink("/etc", "d/out"));
    write_text("d/f", "x");
    int dir = OK(open("d", O_PATH));
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    OK(syscall(SYS_openat2, dir, "f", &how, sizeof how));
    CHECK_ERRNO(syscall(SYS_openat2, dir, "../d/f", &how, sizeof how), EXDEV);
    CHECK_ERRNO(syscall(SYS_openat2, dir, "/etc/passwd", &how, sizeof how), EXDEV);
    how.resolve = RESOLVE_NO_SYMLINKS;
    CHECK_ERRNO(syscall(SYS_openat2, dir, "out/passwd", &how, sizeof how), ELOOP);
    how.resolve = RESOLVE_IN_ROOT;
    OK(syscall(SYS_openat2, dir, "/f", &how, sizeof how));
    CHECK_ERRNO(syscall(SYS_openat2, dir, "out/passwd", &how, sizeof how), ENOENT);
    how.flags = 1ull << 40;
    CHECK_ERRNO(syscall(SYS_openat2, dir, "f", &how, sizeof how), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, dir, "f", &how, 8), EINVAL);
}

TEST(devices) {
    char b[64];
    int null = OK(open("/dev/null", O_RDWR)), zero = OK(open("/dev/zero", O_RDWR)), full = OK(open("/dev/full", O_RDWR));
    int random = OK(open("/dev/urandom", O_RDONLY));
    CHECK_EQ(write(null, b, 64), 64);
    CHECK_EQ(read(null, b, 64), 0);
    memset(b, 1, 64);
    CHECK_EQ(read(zero, b, 64), 64);
    CHECK_EQ(b[63], 0);
    CHECK_ERRNO(write(full, b, 1), ENOSPC);
    CHECK_EQ(read(random, b, 64), 64);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    CHECK(p != MAP_FAILED && p[0] == 0);
    p[0] = 1;
    int self = OK(open("/dev/fd/0", O_RDONLY));
    CHECK(self > 0);
}
