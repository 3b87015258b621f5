// mseal(2): mappings that stay as they are.
#include "../test.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static long page;

static long seal(void *at, size_t size, unsigned long flags) { return syscall(SYS_mseal, at, size, flags); }

static char *pages(int count, int prot) {
    page = getpagesize();
    return OK((char *)mmap(NULL, count * page, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void need_seals(void) {
    if (seal(NULL, 0, 0) < 0 && errno == ENOSYS) SKIP("before Linux 6.10");
}

TEST(bad_requests) {
    need_seals();
    char *at = pages(3, PROT_READ);
    CHECK_ERRNO(seal(at, page, 1), EINVAL);
    CHECK_ERRNO(seal(at + 1, page, 0), EINVAL);
    CHECK_ERRNO(seal(at, -1UL, 0), EINVAL);
    OK(munmap(at + page, page));
    CHECK_ERRNO(seal(at, 3 * page, 0), ENOMEM);
    OK(mprotect(at, page, PROT_NONE));
    OK(seal(at + page, 0, 0));
}

TEST(nothing_changes_what_is_sealed) {
    need_seals();
    char *at = pages(4, PROT_READ | PROT_WRITE), *other = pages(4, PROT_READ);
    at[page] = 7;
    OK(seal(at + page, page + 1, 0));
    OK(seal(at + page, page, 0));
    CHECK_ERRNO(munmap(at, 4 * page), EPERM);
    CHECK_ERRNO(munmap(at + 2 * page, page), EPERM);
    CHECK_ERRNO(mprotect(at + page, page, PROT_READ), EPERM);
    CHECK(mmap(at, 4 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
    CHECK_EQ(errno, EPERM);
    CHECK(mremap(at + page, 2 * page, page, 0) == MAP_FAILED && errno == EPERM);
    CHECK(mremap(at + page, page, 4 * page, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM);
    CHECK(mremap(at, 4 * page, 4 * page, MREMAP_MAYMOVE | MREMAP_FIXED, other) == MAP_FAILED && errno == EPERM);
    CHECK(mremap(other, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, at + page) == MAP_FAILED && errno == EPERM);
    CHECK_EQ(at[page], 7);
    at[page] = 8;
    OK(madvise(at + page, page, MADV_DONTNEED));
    CHECK_EQ(at[page], 0);
    OK(mprotect(at + 3 * page, page, PROT_READ));
    OK(munmap(at + 3 * page, page));
    OK(munmap(at, page));
    pid_t child = FORK(CHECK_ERRNO(munmap(at + page, page), EPERM));
    reap(child);
}

TEST(what_cannot_be_written_is_not_given_up) {
    need_seals();
    char *at = pages(2, PROT_READ | PROT_WRITE);
    at[0] = 7;
    OK(mprotect(at, 2 * page, PROT_READ));
    OK(seal(at, page, 0));
    for (int i = 0; i < 50; i++) {
        CHECK_ERRNO(madvise(at, page, MADV_DONTNEED), EPERM);
        CHECK_ERRNO(madvise(at, page, MADV_FREE), EPERM);
    }
    CHECK_ERRNO(madvise(at, page, MADV_DONTFORK), EPERM);
    pid_t child = FORK(CHECK_ERRNO(madvise(at, page, MADV_DONTNEED), EPERM));
    reap(child);
    CHECK_ERRNO(madvise(at, 2 * page, MADV_WIPEONFORK), EPERM);
    OK(madvise(at, page, MADV_WILLNEED));
    OK(mlock(at, page));
    CHECK_EQ(at[0], 7);
}

static char line_of(const char *at, const char *what) {
    char name[64], text[256];
    FILE *file = fopen("/proc/self/smaps", "re");
    CHECK(file != NULL);
    snprintf(name, sizeof name, "%lx-", (unsigned long)at);
    bool is_here = false, found = false;
    while (fgets(text, sizeof text, file)) {
        if (strncmp(text, name, strlen(name)) == 0) is_here = true;
        if (is_here && strncmp(text, "VmFlags:", 8) == 0) {
            found = strstr(text, what) != NULL;
            break;
        }
    }
    fclose(file);
    return found;
}

TEST(smaps_shows_it) {
    need_seals();
    char *at = pages(2, PROT_READ);
    CHECK(!line_of(at, " sl"));
    OK(seal(at, page, 0));
    CHECK(line_of(at, " sl"));
}
