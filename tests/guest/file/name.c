// Names: rename, link, symlink, unlink, mkdir, rmdir, getdents, chdir, getcwd, permissions, extended attributes.
#include "../test.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/xattr.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static bool exists(const char *path) { return access(path, F_OK) == 0; }

TEST(rename_rules) {
    write_text("a", "A");
    write_text("b", "B");
    OK(rename("a", "b"));
    CHECK(!exists("a"));
    CHECK_STR(read_text("b"), "A");
    OK(mkdir("d", 0700));
    OK(mkdir("e", 0700));
    OK(mkdir("e/inner", 0700));
    CHECK_ERRNO(rename("b", "d"), EISDIR);
    CHECK_ERRNO(rename("d", "b"), ENOTDIR);
    CHECK_ERRNO(rename("d", "e"), ENOTEMPTY);
    OK(rename("e", "d"));
    CHECK(exists("d/inner") && !exists("e"));
    CHECK_ERRNO(rename("d", "d/inner/x"), EINVAL);
    CHECK_ERRNO(rename("none", "x"), ENOENT);
    CHECK_ERRNO(rename("b", "none/x"), ENOENT);
    CHECK_ERRNO(rename("d/.", "x"), EBUSY);
    OK(rename("b", "b"));
    OK(link("b", "c"));
    OK(rename("b", "c"));
    CHECK(exists("b") && exists("c"));
}

TEST(rename_flags) {
    write_text("a", "A");
    write_text("b", "B");
    CHECK_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
    OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "new", RENAME_NOREPLACE));
    if (renameat2(AT_FDCWD, "new", AT_FDCWD, "b", RENAME_EXCHANGE) < 0) SKIP("no RENAME_EXCHANGE here");
    CHECK_STR(read_text("b"), "A");
    CHECK_STR(read_text("new"), "B");
    CHECK_ERRNO(renameat2(AT_FDCWD, "new", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
}

TEST(open_file_survives_unlink_and_rename) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(write(fd, "data", 4));
    OK(rename("f", "g"));
    OK(write(fd, "more", 4));
    CHECK_STR(read_text("g"), "datamore");
    char link[PATH_MAX] = {0}, path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(readlink(path, link, sizeof link));
    CHECK_STR(strrchr(link, '/'), "/g");
    OK(unlink("g"));
    char b[8];
    CHECK_EQ(pread(fd, b, 8, 0), 8);
    struct stat st;
    OK(fstat(fd, &st));
    CHECK_EQ(st.st_nlink, 0);
    memset(link, 0, sizeof link);
    OK(readlink(path, link, sizeof link));
    CHECK_STR(strrchr(link, '/'), "/g (deleted)");
    int again = OK(open(path, O_RDONLY));
    CHECK_EQ(read(again, b, 8), 8);
}

TEST(links) {
    write_text("f", "x");
    OK(link("f", "g"));
    CHECK_ERRNO(link("f", "g"), EEXIST);
    CHECK_ERRNO(link("none", "h"), ENOENT);
    OK(mkdir("d", 0700));
    CHECK_ERRNO(link("d", "h"), EPERM);
    OK(symlink("nowhere", "s"));
    OK(link("s", "s2"));
    char b[16] = {0};
    CHECK_EQ(readlink("s2", b, 16), 7);
    CHECK_STR(b, "nowhere");
    CHECK_EQ(readlink("s", b, 3), 3);
    CHECK_ERRNO(readlink("f", b, 3), EINVAL);
    CHECK_ERRNO(readlink("s", b, 0), EINVAL);
    CHECK_ERRNO(symlink("x", "f"), EEXIST);
    CHECK_ERRNO(symlink("", "y"), ENOENT);
    CHECK_ERRNO(open("s", O_RDONLY), ENOENT);
    close(OK(open("s", O_RDWR | O_CREAT, 0600)));
    CHECK(exists("nowhere"));
    CHECK_ERRNO(open("s2", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
}

TEST(symlink_chains) {
    write_text("end", "x");
    OK(symlink("end", "l0"));
    char from[16], to[16];
    for (int i = 1; i < 41; i++) {
        snprintf(to, sizeof to, "l%d", i - 1);
        snprintf(from, sizeof from, "l%d", i);
        OK(symlink(to, from));
    }
    OK(access("l39", R_OK));
    CHECK_ERRNO(access("l40", R_OK), ELOOP);
    OK(mkdir("d", 0700));
    OK(symlink("../d", "d/up"));
    OK(access("d/up/up/up/up/", X_OK));
}

TEST(directories) {
    OK(mkdir("d", 0755));
    CHECK_ERRNO(mkdir("d", 0755), EEXIST);
    CHECK_ERRNO(mkdir("x/y", 0755), ENOENT);
    OK(mkdir("d/e/", 0755));
    CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
    CHECK_ERRNO(rmdir("d/."), EINVAL);
    CHECK_ERRNO(rmdir("d/e/.."), ENOTEMPTY);
    CHECK_ERRNO(unlink("d/e"), EISDIR);
    struct stat st;
    OK(stat("d", &st));
    CHECK_EQ(st.st_nlink, 3);
    OK(rmdir("d/e"));
    OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    write_text("f", "");
    CHECK_ERRNO(rmdir("f"), ENOTDIR);
    CHECK_ERRNO(unlink("none"), ENOENT);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "f", 1), EINVAL);
    CHECK_ERRNO(unlink("f/"), ENOTDIR);
}

TEST(removed_working_directory) {
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    OK(rmdir("../d"));
    char here[PATH_MAX];
    CHECK_ERRNO(syscall(SYS_getcwd, here, sizeof here), ENOENT);
    CHECK_ERRNO(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
    CHECK_ERRNO(mkdir("x", 0700), ENOENT);
    OK(access(".", X_OK));
}

TEST(working_directory) {
    OK(mkdir("d", 0755));
    char before[PATH_MAX], after[PATH_MAX];
    CHECK(getcwd(before, sizeof before));
    OK(chdir("d"));
    CHECK(getcwd(after, sizeof after));
    CHECK(strncmp(before, after, strlen(before)) == 0);
    CHECK_STR(after + strlen(before), "/d");
    CHECK_ERRNO(syscall(SYS_getcwd, after, 3), ERANGE);
    int up = OK(open("..", O_RDONLY | O_DIRECTORY));
    OK(fchdir(up));
    CHECK(getcwd(after, sizeof after));
    CHECK_STR(after, before);
    CHECK_ERRNO(chdir("none"), ENOENT);
    write_text("f", "");
    CHECK_ERRNO(chdir("f"), ENOTDIR);
    CHECK_ERRNO(fchdir(OK(open("f", O_RDONLY))), ENOTDIR);
    OK(chdir("/"));
    OK(chdir(".."));
    CHECK(getcwd(after, sizeof after));
    CHECK_STR(after, "/");
}

TEST(chroot_confines) {
    if (geteuid() != 0) SKIP("needs root");
    OK(mkdir("jail", 0755));
    write_text("jail/f", "inside");
    reap(FORK(OK(chroot("jail")); OK(chdir("/")); CHECK_STR(read_text("/../../f"), "inside");
              CHECK_ERRNO(open("/etc/passwd", O_RDONLY), ENOENT)));
    reap(FORK(OK(setresuid(1000, 1000, 1000)); CHECK_ERRNO(chroot("jail"), EPERM)));
}

static int count_entries(const char *path) {
    DIR *dir = opendir(path);
    CHECK(dir);
    int count = 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

TEST(thousand_entries) {
    enum { N = 1000 };
    char name[32];
    static bool seen[N];
    OK(mkdir("d", 0755));
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "d/entry-%d", i);
        close(OK(open(name, O_CREAT | O_WRONLY, 0600)));
    }
    CHECK_EQ(count_entries("d"), N + 2);
    DIR *dir = opendir("d");
    for (struct dirent *entry; (entry = readdir(dir));) {
        int i;
        if (sscanf(entry->d_name, "entry-%d", &i) != 1) continue;
        CHECK(!seen[i] && entry->d_type == DT_REG && entry->d_ino != 0);
        seen[i] = true;
    }
    rewinddir(dir);
    CHECK(readdir(dir));
}

TEST(removal_while_reading) {
    enum { N = 300 };
    char name[32];
    OK(mkdir("d", 0755));
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "d/%d", i);
        close(OK(open(name, O_CREAT | O_WRONLY, 0600)));
    }
    DIR *dir = opendir("d");
    int removed = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            OK(unlinkat(dirfd(dir), entry->d_name, 0));
            removed++;
        }
    CHECK_EQ(removed, N);
    OK(rmdir("d"));
}

TEST(getdents_small_buffer) {
    char small[8], enough[1024];
    int dir = OK(open(".", O_RDONLY));
    CHECK_ERRNO(syscall(SYS_getdents64, dir, small, sizeof small), EINVAL);
    CHECK(syscall(SYS_getdents64, dir, enough, sizeof enough) > 0);
    CHECK_EQ(syscall(SYS_getdents64, dir, enough, sizeof enough), 0);
    write_text("f", "");
    CHECK_ERRNO(syscall(SYS_getdents64, OK(open("f", O_RDONLY)), enough, sizeof enough), ENOTDIR);
}

TEST(permissions_of_others) {
    if (geteuid() != 0) SKIP("needs root");
    write_text("private", "x");
    OK(chmod("private", 0600));
    write_text("public", "x");
    OK(chmod("public", 0644));
    OK(mkdir("closed", 0700));
    write_text("closed/f", "x");
    OK(mkdir("sticky", 01777));
    OK(chmod("sticky", 01777));
    write_text("sticky/f", "x");
    reap(FORK(
        OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1000)); CHECK_ERRNO(open("private", O_RDONLY), EACCES);
        OK(open("public", O_RDONLY)); CHECK_ERRNO(open("public", O_RDWR), EACCES);
        CHECK_ERRNO(open("closed/f", O_RDONLY), EACCES); CHECK_ERRNO(stat("closed/f", &(struct stat){0}), EACCES);
        CHECK_ERRNO(opendir("closed") ? 0 : -1, EACCES); CHECK_ERRNO(unlink("sticky/f"), EPERM);
        CHECK_ERRNO(rename("sticky/f", "sticky/g"), EPERM); CHECK_ERRNO(chmod("public", 0777), EPERM);
        CHECK_ERRNO(chown("public", 1000, 1000), EPERM); write_text("sticky/mine", "x"); OK(unlink("sticky/mine"));
        CHECK_ERRNO(access("public", W_OK), EACCES); CHECK_ERRNO(utimensat(AT_FDCWD, "public", NULL, 0), EACCES)));
}

TEST(chmod_chown) {
    if (geteuid() != 0) SKIP("needs root");
    write_text("f", "x");
    struct stat st;
    OK(chmod("f", 06755));
    OK(chown("f", 1000, 1001));
    OK(stat("f", &st));
    CHECK(st.st_uid == 1000 && st.st_gid == 1001);
    CHECK_EQ(st.st_mode & 07777, 0755);
    OK(chown("f", -1, 5));
    OK(stat("f", &st));
    CHECK(st.st_uid == 1000 && st.st_gid == 5);
    OK(chmod("f", 04755));
    reap(FORK(OK(setresuid(1000, 1000, 1000)); int fd = OK(open("f", O_WRONLY)); OK(write(fd, "y", 1))));
    OK(stat("f", &st));
    CHECK_EQ(st.st_mode & 07777, 0755);
    OK(symlink("f", "l"));
    OK(lchown("l", 7, 7));
    OK(lstat("l", &st));
    CHECK_EQ(st.st_uid, 7);
    OK(mkdir("g", 0755));
    OK(chown("g", 0, 77));
    OK(chmod("g", 02755));
    write_text("g/f", "x");
    OK(stat("g/f", &st));
    CHECK_EQ(st.st_gid, 77);
    OK(mkdir("g/d", 0755));
    OK(stat("g/d", &st));
    CHECK(st.st_gid == 77 && st.st_mode & S_ISGID);
}

TEST(root_passes_permissions) {
    if (geteuid() != 0) SKIP("needs root");
    write_text("f", "x");
    OK(chmod("f", 0));
    OK(open("f", O_RDWR));
    CHECK_ERRNO(access("f", X_OK), EACCES);
    OK(faccessat(AT_FDCWD, "f", R_OK | W_OK, AT_EACCESS));
}

TEST(special_files) {
    OK(mknod("fifo", S_IFIFO | 0600, 0));
    OK(mknod("plain", S_IFREG | 0600, 0));
    struct stat st;
    OK(stat("fifo", &st));
    CHECK(S_ISFIFO(st.st_mode));
    OK(stat("plain", &st));
    CHECK(S_ISREG(st.st_mode));
    CHECK_ERRNO(mknod("plain", S_IFREG | 0600, 0), EEXIST);
    CHECK_ERRNO(mknod("x", S_IFDIR | 0600, 0), EPERM);
    CHECK_ERRNO(mknod("x", 0170000 | 0600, 0), EINVAL);
}

TEST(extended_attributes) {
    write_text("f", "x");
    if (setxattr("f", "user.color", "red", 3, 0) < 0 && errno == EOPNOTSUPP) SKIP("no user attributes here");
    char b[64] = {0};
    CHECK_EQ(getxattr("f", "user.color", b, 64), 3);
    CHECK_STR(b, "red");
    CHECK_EQ(getxattr("f", "user.color", NULL, 0), 3);
    CHECK_ERRNO(getxattr("f", "user.color", b, 2), ERANGE);
    CHECK_ERRNO(getxattr("f", "user.none", b, 64), ENODATA);
    CHECK_ERRNO(setxattr("f", "user.color", "x", 1, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr("f", "user.other", "x", 1, XATTR_REPLACE), ENODATA);
    CHECK_ERRNO(setxattr("f", "nonsense", "x", 1, 0), EOPNOTSUPP);
    OK(setxattr("f", "user.empty", "", 0, 0));
    ssize_t n = OK(listxattr("f", b, 64));
    CHECK_EQ(n, 11 + 11);
    OK(removexattr("f", "user.color"));
    CHECK_ERRNO(removexattr("f", "user.color"), ENODATA);
    OK(fsetxattr(OK(open("f", O_RDWR)), "user.by", "fd", 2, 0));
}

TEST(sync_calls) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(write(fd, "x", 1));
    OK(fsync(fd));
    OK(fdatasync(fd));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 ? 0 : -1);
    OK(readahead(fd, 0, 4096));
    OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
    int fds[2];
    OK(pipe(fds));
    CHECK_ERRNO(fsync(fds[0]), EINVAL);
}
