// tmpfs(5): how much a filesystem in memory takes.
#include "../test.h"
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>

static struct statfs mounted(const char *options) {
    if (unshare(CLONE_NEWNS) < 0 && errno == EPERM) SKIP("no right to mount");
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    OK(mkdir("d", 0700));
    OK(mount("none", "d", "tmpfs", 0, options));
    struct statfs fs;
    OK(statfs("d", &fs));
    return fs;
}

static unsigned long memory_kib(void) {
    unsigned long kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    CHECK(file && fscanf(file, "MemTotal: %lu kB", &kib) == 1);
    fclose(file);
    return kib;
}

TEST(memory_is_the_same_everywhere) {
    struct sysinfo info;
    OK(sysinfo(&info));
    CHECK_EQ(info.totalram * info.mem_unit / 1024, memory_kib());
    CHECK(info.freeram <= info.totalram);
}

TEST(half_of_the_memory_by_default) {
    struct statfs fs = mounted(NULL);
    CHECK_EQ(fs.f_bsize, 4096);
    CHECK_EQ(fs.f_blocks, memory_kib() / 4 / 2);
    CHECK(fs.f_files > 0 && fs.f_files <= fs.f_blocks);
    CHECK(fs.f_bfree > fs.f_blocks - 16);
}

TEST(full_is_full) {
    struct statfs fs = mounted("size=1m");
    CHECK_EQ(fs.f_blocks, 256);
    static char block[65536];
    int fd = OK(open("d/f", O_CREAT | O_WRONLY, 0600)), written = 0;
    for (ssize_t n; (n = write(fd, block, sizeof block)) > 0;) written += n;
    CHECK_EQ(errno, ENOSPC);
    CHECK_EQ(written, 1 << 20);
    OK(ftruncate(fd, 0));
    OK(statfs("d", &fs));
    CHECK_EQ(fs.f_bfree, 256);
}
