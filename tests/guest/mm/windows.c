// remap_file_pages(2): the pages of a shared file mapping in another order.
#include "../test.h"

enum { PAGES = 8 };
static long page;

static char *map_file(int fd, int flags) {
    return OK((char *)mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, flags, fd, 0));
}

static int numbered_file(void) {
    page = getpagesize();
    int fd = OK(open("file", O_CREAT | O_RDWR, 0600));
    OK(ftruncate(fd, PAGES * page));
    for (int i = 0; i < PAGES; i++) CHECK_EQ(pwrite(fd, &(char){'0' + i}, 1, i * page), 1);
    return fd;
}

TEST(pages_in_another_order) {
    int fd = numbered_file();
    char *at = map_file(fd, MAP_SHARED);
    for (int i = 0; i < PAGES; i += 2) OK(remap_file_pages(at + i * page, 2 * page, 0, PAGES - 2 - i, 0));
    for (int i = 0; i < PAGES; i++) CHECK_EQ(at[i * page], '0' + (i % 2 ? PAGES - i : PAGES - 2 - i));
    at[0] = 'x';
    char byte;
    CHECK_EQ(pread(fd, &byte, 1, (PAGES - 2) * page), 1);
    CHECK_EQ(byte, 'x');
}

TEST(shared_memory_too) {
    page = getpagesize();
    char *at = map_file(-1, MAP_SHARED | MAP_ANONYMOUS);
    for (int i = 0; i < PAGES; i++) at[i * page] = '0' + i;
    OK(remap_file_pages(at, page, 0, 5, 0));
    CHECK_EQ(at[0], '5');
    CHECK_EQ(at[page], '1');
}

TEST(bad_requests) {
    int fd = numbered_file();
    char *at = map_file(fd, MAP_SHARED), *private = map_file(fd, MAP_PRIVATE);
    CHECK_ERRNO(remap_file_pages(at, page, PROT_READ, 0, 0), EINVAL);
    CHECK_ERRNO(remap_file_pages(private, page, 0, 0, 0), EINVAL);
    CHECK_ERRNO(remap_file_pages(at, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(remap_file_pages(at, page, 0, -1UL, 0), EINVAL);
    CHECK_ERRNO(remap_file_pages(at, PAGES * page + page, 0, 0, 0), EINVAL);
    OK(munmap(at, PAGES * page));
    CHECK_ERRNO(remap_file_pages(at, page, 0, 0, 0), EINVAL);
}
