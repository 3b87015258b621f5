// mremap(2) and the growth of stacks.
#include "../test.h"
#include <setjmp.h>

static char *map(size_t pages) {
    char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (size_t i = 0; i < pages; i++) p[i * 4096] = i + 1;
    return p;
}

static void expect_pages(const char *p, int pages) {
    for (int i = 0; i < pages; i++) CHECK_EQ(p[i * 4096], (char)(i + 1));
}

TEST(shrink) {
    char *p = map(4);
    CHECK(mremap(p, 4 * 4096, 2 * 4096, 0) == p);
    expect_pages(p, 2);
    CHECK_ERRNO(mprotect(p + 2 * 4096, 4096, PROT_READ), ENOMEM);
}

TEST(grow_in_place) {
    char *p = map(8);
    OK(munmap(p + 4 * 4096, 4 * 4096));
    CHECK(mremap(p, 4 * 4096, 8 * 4096, 0) == p);
    expect_pages(p, 4);
    for (int i = 4 * 4096; i < 8 * 4096; i += 512) CHECK_EQ(p[i], 0);
    p[7 * 4096] = 1;
}

TEST(grow_needs_to_move) {
    char *p = map(8);
    CHECK_ERRNO(mremap(p, 4 * 4096, 6 * 4096, 0), ENOMEM);
    char *q = mremap(p, 4 * 4096, 6 * 4096, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p);
    expect_pages(q, 4);
    CHECK_EQ(q[5 * 4096], 0);
    CHECK_EQ(p[4 * 4096], 5);
    CHECK_ERRNO(mprotect(p, 4096, PROT_READ), ENOMEM);
}

TEST(move_to_an_address) {
    char *p = map(4), *target = map(6);
    CHECK(mremap(p, 4 * 4096, 4 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    expect_pages(target, 6);
    CHECK_ERRNO(mremap(target, 4096, 4096, MREMAP_FIXED, p), EINVAL);
    CHECK_ERRNO(mremap(target, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, target + 4096), EINVAL);
}

TEST(dontunmap) {
    char *p = map(2);
    char *q = mremap(p, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (q == MAP_FAILED && errno == EINVAL) SKIP("no MREMAP_DONTUNMAP");
    expect_pages(q, 2);
    CHECK_EQ(p[0], 0);
}

TEST(shared_duplicate_by_zero_size) {
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    p[0] = 7;
    char *q = mremap(p, 0, 8192, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p);
    CHECK_EQ(q[0], 7);
    q[1] = 8;
    CHECK_EQ(p[1], 8);
}

TEST(file_mapping_grows) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 3 * 4096));
    OK(pwrite(fd, "third", 5, 2 * 4096));
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p = mremap(p, 4096, 3 * 4096, MREMAP_MAYMOVE);
    CHECK(p != MAP_FAILED);
    CHECK(strncmp(p + 2 * 4096, "third", 5) == 0);
    p[4096] = 'm';
    char byte;
    CHECK_EQ(pread(fd, &byte, 1, 4096), 1);
    CHECK_EQ(byte, 'm');
}

TEST(errors) {
    char *p = map(2);
    CHECK_ERRNO(mremap(p + 1, 4096, 8192, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO(mremap(p, 4096, 0, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO(mremap(p, 4096, 8192, 0x100), EINVAL);
    OK(munmap(p, 8192));
    CHECK_ERRNO(mremap(p, 4096, 8192, MREMAP_MAYMOVE), EFAULT);
}

TEST(realloc_of_large_blocks) {
    size_t size = 1 << 20;
    char *p = malloc(size);
    memset(p, 3, size);
    for (int i = 0; i < 5; i++) {
        p = realloc(p, size * 2);
        for (size_t at = 0; at < size; at += 4096) CHECK_EQ(p[at], 3);
        memset(p + size, 3, size);
        size *= 2;
    }
    free(p);
}

__attribute__((noinline)) static long deep(int depth) {
    volatile char frame[8192];
    frame[0] = depth;
    frame[8191] = depth;
    return depth ? deep(depth - 1) + frame[0] : frame[8191];
}

TEST(stack_grows) {
    CHECK(deep(600) != 1);
    CHECK(field_of("/proc/self/status", "VmStk") > 4000);
}

static void *deep_in_thread(void *unused) {
    CHECK(deep(600) != 1);
    return unused;
}

TEST(thread_stack_is_all_there) { join_thread(start_thread(deep_in_thread, NULL)); }

static sigjmp_buf back;
static void jump(int number) { siglongjmp(back, number); }

TEST(stack_stops_at_the_limit) {
    struct rlimit limit = {256 << 10, 256 << 10};
    OK(setrlimit(RLIMIT_STACK, &limit));
    static char other[65536];
    stack_t ss = {.ss_sp = other, .ss_size = sizeof other};
    OK(sigaltstack(&ss, NULL));
    handle(SIGSEGV, jump, SA_ONSTACK);
    if (sigsetjmp(back, 1) == 0) {
        deep(100000);
        FAIL("no limit");
    }
}

TEST(growsdown_mapping) {
    char *p = mmap(NULL, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(munmap(p, 64 * 4096));
    char *top = mmap(p + 60 * 4096, 4096, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    CHECK(top != MAP_FAILED);
    top[0] = 1;
    top[-8] = 2;
    CHECK_EQ(top[-8], 2);
}

TEST(memfd_and_seals) {
    int fd = OK(memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    OK(ftruncate(fd, 8192));
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[100] = 'x';
    char byte;
    CHECK_EQ(pread(fd, &byte, 1, 100), 1);
    CHECK_EQ(byte, 'x');
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    OK(munmap(p, 8192));
    OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK);
    CHECK_ERRNO(write(fd, "x", 1), EPERM);
    CHECK_ERRNO(ftruncate(fd, 100), EPERM);
    OK(ftruncate(fd, 16384));
    OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL));
    CHECK_ERRNO(ftruncate(fd, 20000), EPERM);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    int plain = OK(memfd_create("plain", 0));
    CHECK_ERRNO(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_ERRNO(memfd_create("x", 0x100), EINVAL);
    char path[64], link[64] = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
    OK(readlink(path, link, sizeof link));
    CHECK_STR(link, "/memfd:plain (deleted)");
}

// The vDSO is moved and unmapped as a whole only, and does not grow.
TEST(vdso_is_not_cut) {
    unsigned long start = 0, end = 0;
    for (char *line = read_text("/proc/self/maps"); *line;) {
        if (strstr(line, "[vdso]") && (!strchr(line, '\n') || strstr(line, "[vdso]") < strchr(line, '\n')))
            sscanf(line, "%lx-%lx", &start, &end);
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : line + strlen(line);
    }
    if (end - start < 8192) SKIP("no vDSO of two pages");
    char *vdso = (char *)start, *target = map(16);
    size_t length = end - start;
    CHECK_ERRNO(munmap(vdso, 4096), EINVAL);
    CHECK_ERRNO(munmap(vdso + 4096, length - 4096), EINVAL);
    CHECK_ERRNO(munmap(vdso + 4096, length), EINVAL);
    CHECK_ERRNO(mprotect(vdso, 4096, PROT_READ), EINVAL);
    CHECK_ERRNO(mmap(vdso, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERRNO(mremap(vdso, length, 4096, 0), EINVAL);
    CHECK_ERRNO(mremap(vdso, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target), EINVAL);
    CHECK_ERRNO(mremap(vdso, 4096, 8192, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERRNO(mremap(vdso, length, length + 4096, MREMAP_MAYMOVE), EFAULT);
    struct timespec now;
    OK(clock_gettime(CLOCK_MONOTONIC, &now));
}
