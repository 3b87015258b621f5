// set_mempolicy(2), mbind(2), get_mempolicy(2), on node 0.
#include "../test.h"
#include <linux/mempolicy.h>

static long page;

static long get(int *mode, unsigned long *nodes, void *addr, unsigned flags) {
    return syscall(SYS_get_mempolicy, mode, nodes, nodes ? 64UL : 0UL, addr, flags);
}

static long set(int mode, unsigned long *nodes) { return syscall(SYS_set_mempolicy, mode, nodes, nodes ? 64UL : 0UL); }

static long bind_at(void *at, unsigned long size, int mode, unsigned long *nodes, unsigned flags) {
    return syscall(SYS_mbind, at, size, mode, nodes, nodes ? 64UL : 0UL, flags);
}

static char *pages(int count) {
    page = getpagesize();
    if (get(NULL, NULL, NULL, 0) < 0 && errno == ENOSYS) SKIP("no memory policies");
    return OK((char *)mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void expect_policy(void *at, int mode, unsigned long nodes) {
    int got = -1;
    unsigned long mask[16] = {~0UL};
    OK(syscall(SYS_get_mempolicy, &got, mask, 1024UL, at, at ? MPOL_F_ADDR : 0));
    CHECK_EQ(got, mode);
    CHECK_EQ(mask[0], nodes);
}

TEST(of_mappings) {
    char *at = pages(4);
    unsigned long one = 1, none = 0, other = 1UL << 40;
    expect_policy(at, MPOL_DEFAULT, 0);
    OK(bind_at(at + page, 2 * page, MPOL_BIND, &one, 0));
    OK(bind_at(at + 2 * page, page, MPOL_INTERLEAVE, &one, 0));
    expect_policy(at, MPOL_DEFAULT, 0);
    expect_policy(at + page + 5, MPOL_BIND, 1);
    expect_policy(at + 2 * page, MPOL_INTERLEAVE, 1);
    expect_policy(at + 3 * page, MPOL_DEFAULT, 0);
    OK(bind_at(at, 4 * page, MPOL_PREFERRED, NULL, 0));
    expect_policy(at + page, MPOL_LOCAL, 0);
    OK(bind_at(at, page, MPOL_BIND | MPOL_F_STATIC_NODES, &one, MPOL_MF_STRICT));
    expect_policy(at, MPOL_BIND | MPOL_F_STATIC_NODES, 1);
    OK(bind_at(at, 4 * page, MPOL_DEFAULT, NULL, 0));
    expect_policy(at, MPOL_DEFAULT, 0);
    CHECK_ERRNO(bind_at(at, page, MPOL_DEFAULT, &one, 0), EINVAL);
    CHECK_ERRNO(bind_at(at, page, MPOL_BIND, &none, 0), EINVAL);
    CHECK_ERRNO(bind_at(at, page, MPOL_BIND, &other, 0), EINVAL);
    CHECK_ERRNO(bind_at(at + 1, page, MPOL_BIND, &one, 0), EINVAL);
    CHECK_ERRNO(bind_at(at, page, MPOL_BIND, &one, 0x100), EINVAL);
    CHECK_ERRNO(bind_at(at, page, MPOL_BIND, (void *)-8, 0), EFAULT);
    OK(munmap(at + page, page));
    CHECK_ERRNO(bind_at(at, 3 * page, MPOL_BIND, &one, 0), EFAULT);
    CHECK_ERRNO(get(NULL, NULL, at + page, MPOL_F_ADDR), EFAULT);
}

TEST(of_the_task) {
    char *at = pages(1);
    unsigned long one = 1;
    expect_policy(NULL, MPOL_DEFAULT, 0);
    OK(set(MPOL_BIND, &one));
    expect_policy(NULL, MPOL_BIND, 1);
    expect_policy(at, MPOL_DEFAULT, 0);
    pid_t child = FORK(expect_policy(NULL, MPOL_BIND, 1));
    reap(child);
    int node = -1;
    CHECK_ERRNO(get(&node, NULL, NULL, MPOL_F_NODE), EINVAL);
    OK(set(MPOL_INTERLEAVE, &one));
    OK(get(&node, NULL, NULL, MPOL_F_NODE));
    CHECK_EQ(node, 0);
    *at = 1;
    node = -1;
    OK(get(&node, NULL, at, MPOL_F_NODE | MPOL_F_ADDR));
    CHECK_EQ(node, 0);
    OK(set(MPOL_PREFERRED, NULL));
    expect_policy(NULL, MPOL_LOCAL, 0);
    OK(set(MPOL_DEFAULT, NULL));
    CHECK_ERRNO(get(NULL, NULL, at, 0), EINVAL);
    CHECK_ERRNO(get(NULL, NULL, NULL, 0x100), EINVAL);
    CHECK_ERRNO(set(100, NULL), EINVAL);
}

TEST(numa_maps_shows_it) {
    char *at = pages(1), name[64];
    unsigned long one = 1;
    OK(bind_at(at, page, MPOL_BIND, &one, 0));
    *at = 1;
    snprintf(name, sizeof name, "%lx bind:0 anon=1", (unsigned long)at);
    CHECK(strstr(read_text("/proc/self/numa_maps"), name) != NULL);
}
