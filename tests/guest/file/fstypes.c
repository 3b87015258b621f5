// sysfs(2), ustat(2): kinds of filesystem, and filesystems by device number.
#include "../test.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static long sysfs(int option, const void *a, void *b) { return syscall(SYS_sysfs, option, a, b); }

TEST(kinds_by_name_and_number) {
    long count = OK(sysfs(3, NULL, NULL));
    CHECK(count > 2);
    bool has_proc = false;
    for (long i = 0; i < count; i++) {
        char name[64];
        OK(sysfs(2, (void *)i, name));
        CHECK_EQ(sysfs(1, name, NULL), i);
        has_proc |= strcmp(name, "proc") == 0;
    }
    CHECK(has_proc);
    CHECK_ERRNO(sysfs(1, "no such kind", NULL), EINVAL);
    CHECK_ERRNO(sysfs(1, (void *)-1, NULL), EFAULT);
    CHECK_ERRNO(sysfs(2, (void *)count, (char[64]){0}), EINVAL);
    CHECK_ERRNO(sysfs(2, (void *)0, (void *)-1), EFAULT);
    CHECK_ERRNO(sysfs(4, NULL, NULL), EINVAL);
}

struct figures {
    int free_blocks;
    unsigned long free_inodes;
    char name[6], pack[6];
};

static long figures_of(dev_t dev, struct figures *to) {
    unsigned number = (minor(dev) & 0xff) | major(dev) << 8 | (minor(dev) & ~0xffu) << 12;
    return syscall(SYS_ustat, number, to);
}

TEST(filesystems_by_device) {
    struct stat st;
    struct statfs fs;
    struct figures figures;
    memset(&figures, 0x55, sizeof figures);
    OK(stat("/proc", &st));
    OK(statfs("/proc", &fs));
    OK(figures_of(st.st_dev, &figures));
    CHECK_EQ(figures.free_blocks, fs.f_bfree);
    CHECK_EQ(figures.free_inodes, fs.f_ffree);
    CHECK_EQ(figures.name[0], 0);
    CHECK_ERRNO(figures_of(st.st_dev, (void *)-1), EFAULT);
    CHECK_ERRNO(figures_of(makedev(300, 77777), &figures), EINVAL);
}
