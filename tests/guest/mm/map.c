// mmap(2), munmap(2), mprotect(2), brk(2), madvise(2), mincore(2), mlock(2) and what /proc says of them.
#include "../test.h"

static char *map(size_t pages, int protection) {
    char *p = mmap(NULL, pages * 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

// The permissions that /proc/self/maps tells of an address: "rw-p", or "" when nothing is mapped.
static const char *permissions(const void *address) {
    static char found[8];
    for (char *line = read_text("/proc/self/maps"); line && *line; line = strchr(line, '\n') + 1) {
        unsigned long start, end;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && (uintptr_t)address >= start &&
            (uintptr_t)address < end)
            return strcpy(found, rights);
    }
    return "";
}

TEST(anonymous_is_zero) {
    char *p = map(64, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 64 * 4096; i++) CHECK(p[i] == 0);
    memset(p, 7, 64 * 4096);
    OK(munmap(p, 64 * 4096));
    CHECK_STR(permissions(p), "");
}

TEST(errors) {
    CHECK_ERRNO(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1), EINVAL);
    CHECK_ERRNO(mmap((void *)1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERRNO(mmap(NULL, 1ul << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_ERRNO(mmap(NULL, -1ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_ERRNO(munmap((void *)1, 4096), EINVAL);
    char *p = map(1, PROT_READ);
    CHECK_ERRNO(munmap(p, 0), EINVAL);
    OK(munmap(p, 1));
    OK(munmap(p, 4096));
    CHECK_ERRNO(mprotect(p, 4096, PROT_READ), ENOMEM);
    CHECK_ERRNO(mprotect(p + 1, 4096, PROT_READ), EINVAL);
    int dir = OK(open(".", O_RDONLY));
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
}

TEST(file_rights) {
    write_text("f", "hello");
    int reading = OK(open("f", O_RDONLY)), writing = OK(open("f", O_WRONLY));
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reading, 0), EACCES);
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, writing, 0), EACCES);
    char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reading, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERRNO(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, reading, 0);
    CHECK(p != MAP_FAILED);
    p[0] = 'J';
    CHECK_STR(read_text("f"), "hello");
}

TEST(fixed_replaces_and_noreplace_refuses) {
    char *p = map(4, PROT_READ | PROT_WRITE);
    memset(p, 1, 4 * 4096);
    char *q = mmap(p + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(q == p + 4096 && p[4096] == 0 && p[4095] == 1 && p[8192] == 1);
    CHECK_ERRNO(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    OK(munmap(p, 4096));
    CHECK(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p);
}

TEST(hint_is_taken_when_free) {
    char *p = map(4, PROT_READ);
    OK(munmap(p, 4 * 4096));
    CHECK(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == p);
    char *low = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    CHECK(low != MAP_FAILED && (uintptr_t)low < 0x80000000ul);
}

TEST(unmap_in_the_middle) {
    char *p = map(5, PROT_READ | PROT_WRITE);
    OK(munmap(p + 2 * 4096, 4096));
    CHECK_STR(permissions(p + 4096), "rw-p");
    CHECK_STR(permissions(p + 2 * 4096), "");
    CHECK_STR(permissions(p + 3 * 4096), "rw-p");
}

TEST(protections_show_in_maps) {
    char *p = map(5, PROT_READ | PROT_WRITE);
    OK(mprotect(p + 4096, 4096, PROT_NONE));
    OK(mprotect(p + 2 * 4096, 4096, PROT_READ | PROT_EXEC));
    CHECK_STR(permissions(p), "rw-p");
    CHECK_STR(permissions(p + 4096), "---p");
    CHECK_STR(permissions(p + 2 * 4096), "r-xp");
    CHECK_STR(permissions(p + 3 * 4096), "rw-p");
    char *s = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK_STR(permissions(s), "r--s");
}

TEST(maps_are_sorted_and_named) {
    unsigned long last = 0, start, end;
    char *text = read_text("/proc/self/maps");
    CHECK(strstr(text, "[stack]"));
    sbrk(4096);
    text = read_text("/proc/self/maps");
    CHECK(strstr(text, "[heap]"));
    char exe[PATH_MAX];
    exe[OK(readlink("/proc/self/exe", exe, sizeof exe - 1))] = 0;
    CHECK(strstr(text, exe));
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        CHECK_EQ(sscanf(line, "%lx-%lx", &start, &end), 2);
        CHECK(start >= last && end > start && start % 4096 == 0);
        last = end;
    }
}

TEST(code_can_be_written_and_run) {
    unsigned char *p = (unsigned char *)map(1, PROT_READ | PROT_WRITE);
    memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6);
    OK(mprotect(p, 4096, PROT_READ | PROT_EXEC));
    CHECK_EQ(((int (*)(void))p)(), 42);
    OK(mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    for (int i = 0; i < 50; i++) {
        p[1] = i;
        CHECK_EQ(((int (*)(void))p)(), i);
    }
    // A system call from code made at run time.
    memcpy(p, "\xb8\x27\x00\x00\x00\x0f\x05\xc3", 8);
    for (int i = 0; i < 3; i++) CHECK_EQ(((int (*)(void))p)(), getpid());
}

TEST(brk_moves) {
    char *start = sbrk(0);
    CHECK(sbrk(10 * 4096) == start);
    memset(start, 5, 10 * 4096);
    CHECK(sbrk(-5 * 4096) == start + 10 * 4096);
    CHECK(sbrk(5 * 4096) == start + 5 * 4096);
    CHECK_EQ(start[5 * 4096], 0);
    CHECK_EQ(start[5 * 4096 - 1], 5);
    struct rlimit limit = {1 << 20, 1 << 20};
    OK(setrlimit(RLIMIT_DATA, &limit));
    CHECK(sbrk(64 << 20) == (void *)-1);
    CHECK((uint64_t)syscall(SYS_brk, 0) == (uint64_t)sbrk(0));
}

TEST(dontneed_gives_zeroes) {
    char *p = map(4, PROT_READ | PROT_WRITE);
    memset(p, 1, 4 * 4096);
    OK(madvise(p + 4096, 2 * 4096, MADV_DONTNEED));
    CHECK(p[0] == 1 && p[4096] == 0 && p[2 * 4096] == 0 && p[3 * 4096] == 1);
    write_text("f", "file");
    int fd = OK(open("f", O_RDONLY));
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    p[0] = 'F';
    OK(madvise(p, 4096, MADV_DONTNEED));
    CHECK_EQ(p[0], 'f');
    CHECK_ERRNO(madvise(p + 1, 4096, MADV_DONTNEED), EINVAL);
    CHECK_ERRNO(madvise(p, 4096, 9999), EINVAL);
    OK(munmap(p, 4096));
    CHECK_ERRNO(madvise(p, 4096, MADV_DONTNEED), ENOMEM);
}

TEST(dontfork_and_wipeonfork) {
    char *p = map(3, PROT_READ | PROT_WRITE);
    memset(p, 1, 3 * 4096);
    OK(madvise(p, 4096, MADV_DONTFORK));
    OK(madvise(p + 4096, 4096, MADV_WIPEONFORK));
    reap(FORK(CHECK_STR(permissions(p), ""); CHECK_EQ(p[4096], 0); CHECK_EQ(p[8192], 1)));
    CHECK_EQ(p[4096], 1);
}

TEST(copy_on_write_after_fork) {
    enum { N = 256 };
    char *p = map(N, PROT_READ | PROT_WRITE);
    for (int i = 0; i < N; i++) p[i * 4096] = i;
    int fds[2];
    OK(pipe(fds));
    pid_t child = FORK(char c; read(fds[0], &c, 1); for (int i = 0; i < N; i++) CHECK_EQ(p[i * 4096], (char)i);
                       memset(p, 9, N * 4096));
    for (int i = 0; i < N; i++) p[i * 4096] = -i;
    OK(write(fds[1], "x", 1));
    reap(child);
    for (int i = 0; i < N; i++) CHECK_EQ(p[i * 4096], (char)-i);
}

TEST(shared_anonymous_is_shared_by_fork) {
    int *p = shared_page();
    reap(FORK(p[5] = 55; reap(FORK(p[6] = 66))));
    CHECK(p[5] == 55 && p[6] == 66);
}

TEST(shared_file_is_coherent) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 8192));
    char *one = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *two = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    one[4096] = 'x';
    CHECK_EQ(two[0], 'x');
    char byte;
    CHECK_EQ(pread(fd, &byte, 1, 4096), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(pwrite(fd, "y", 1, 4097), 1);
    CHECK_EQ(two[1], 'y');
    reap(FORK(two[2] = 'z'; int again = OK(open("f", O_RDWR));
              char *three = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
              CHECK_EQ(three[4096], 'x'); three[4099] = 'w'));
    CHECK(one[4098] == 'z' && one[4099] == 'w');
    OK(msync(one, 8192, MS_SYNC));
    close(fd);
    one[5] = 'q';
    CHECK_EQ(read_text("f")[5], 'q');
}

TEST(private_file_shows_later_writes_until_touched) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 4096));
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK_EQ(p[0], 0);
    p[1] = 'p';
    CHECK_EQ(pwrite(fd, "abc", 3, 0), 3);
    CHECK(p[1] == 'p');
    CHECK_EQ(read_text("f")[1], 'b');
}

TEST(mapping_outlives_unlink_and_close) {
    write_text("f", "still here");
    int fd = OK(open("f", O_RDWR));
    char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    OK(unlink("f"));
    CHECK_STR(p, "still here");
    CHECK(strstr(read_text("/proc/self/maps"), "/f (deleted)"));
}

TEST(locked_pages_are_not_given_up) {
    char *p = OK((char *)mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(p, 7, 3 * 4096);
    OK(mlock(p + 4096, 4096));
    int advice[] = {MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT};
    for (int i = 0; i < 4; i++) CHECK_ERRNO(madvise(p + 4096, 4096, advice[i]), EINVAL);
    // What comes before is given up.
    CHECK_ERRNO(madvise(p, 3 * 4096, MADV_DONTNEED), EINVAL);
    CHECK(p[0] == 0 && p[4096] == 7 && p[2 * 4096] == 7);
    OK(madvise(p, 3 * 4096, MADV_DONTNEED_LOCKED));
    CHECK(p[4096] == 0 && p[2 * 4096] == 0);
    p[4096] = 8;
    OK(munlock(p + 4096, 4096));
    OK(madvise(p, 3 * 4096, MADV_DONTNEED));
    CHECK_EQ(p[4096], 0);
}

TEST(mincore_and_mlock) {
    char *p = map(4, PROT_READ | PROT_WRITE);
    unsigned char there[4];
    p[0] = p[8192] = 1;
    OK(mincore(p, 4 * 4096, there));
    CHECK((there[0] & 1) && (there[2] & 1));
    OK(mlock(p, 4096));
    OK(munlock(p, 4096));
    CHECK_ERRNO(mincore(p + 1, 4096, there), EINVAL);
    OK(munmap(p, 4096));
    CHECK_ERRNO(mlock(p, 4096), ENOMEM);
    CHECK_ERRNO(mincore(p, 4096, there), ENOMEM);
}

TEST(address_space_limit) {
    struct rlimit limit = {512 << 20, 512 << 20};
    OK(setrlimit(RLIMIT_AS, &limit));
    CHECK_ERRNO(mmap(NULL, 1 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    map(16, PROT_READ);
    CHECK(malloc(1 << 30) == NULL);
}

TEST(large_sparse_reservation) {
    size_t size = 64ul << 30;
    char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    OK(mprotect(p + size / 2, 4096, PROT_READ | PROT_WRITE));
    p[size / 2] = 1;
    OK(munmap(p, size));
}

TEST(many_small_mappings) {
    enum { N = 2000 };
    static char *pages[N];
    for (int i = 0; i < N; i++) {
        pages[i] = mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(pages[i] != MAP_FAILED);
    }
    for (int i = 0; i < N; i += 2) pages[i][5] = i;
    for (int i = 0; i < N; i += 2) CHECK_EQ(pages[i][5], (char)i);
    for (int i = 0; i < N; i++) OK(munmap(pages[i], 4096));
}

TEST(populate_and_grow) {
    char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CHECK(p != MAP_FAILED);
    unsigned char there[256];
    OK(mincore(p, 1 << 20, there));
    for (int i = 0; i < 256; i++) CHECK(there[i] & 1);
}

static void *map_and_unmap(void *argument) {
    for (int i = 0; i < 300; i++) {
        char *p = map(3, PROT_READ | PROT_WRITE);
        p[0] = p[4096] = (char)i;
        CHECK(p[0] == (char)i && p[8192] == 0);
        OK(munmap(p, 3 * 4096));
    }
    return argument;
}

TEST(threads_map_at_once) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(map_and_unmap, NULL);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
}

TEST(memory_of_another_process) {
    char *p = map(2, PROT_READ | PROT_WRITE);
    strcpy(p + 4090, "across pages");
    int fds[2];
    OK(pipe(fds));
    pid_t child = FORK(char c; read(fds[0], &c, 1); CHECK_STR(p, "from outside"));
    char got[32] = {0};
    struct iovec local = {got, 13}, remote = {p + 4090, 13};
    CHECK_EQ(process_vm_readv(child, &local, 1, &remote, 1, 0), 13);
    CHECK_STR(got, "across pages");
    local = (struct iovec){"from outside", 13};
    remote = (struct iovec){p, 13};
    CHECK_EQ(process_vm_writev(child, &local, 1, &remote, 1, 0), 13);
    OK(write(fds[1], "x", 1));
    reap(child);
    CHECK_ERRNO(process_vm_readv(0x3ffffff, &local, 1, &remote, 1, 0), ESRCH);
}

TEST(own_memory_through_proc) {
    char *p = map(1, PROT_READ);
    int fd = OK(open("/proc/self/mem", O_RDWR));
    char byte = 1;
    CHECK_EQ(pread(fd, &byte, 1, (off_t)p), 1);
    CHECK_EQ(byte, 0);
    OK(munmap(p, 4096));
    CHECK_ERRNO(pread(fd, &byte, 1, (off_t)p), EIO);
}

static void *advise_at_word(void *argument) {
    char *p = argument;
    while (*(volatile char *)p == 0) sched_yield();
    return (void *)(long)(madvise(p + 4096, 4096, MADV_DONTNEED) < 0 ? errno : 0);
}

TEST(locked_memory_is_not_dropped) {
    char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    // Often enough for a call that is answered in some special way.
    for (int i = 0; i < 2000; i++) OK(madvise(p, 4096, MADV_DONTNEED));
    pthread_t other = start_thread(advise_at_word, p);
    memset(p + 4096, 'x', 3 * 4096);
    OK(mlock(p + 4096, 4096));
    CHECK_ERRNO(madvise(p + 4096, 4096, MADV_DONTNEED), EINVAL);
    CHECK_ERRNO(madvise(p + 4096, 4096, MADV_FREE), EINVAL);
    CHECK_ERRNO(madvise(p + 4096, 4096, MADV_COLD), EINVAL);
    CHECK_ERRNO(madvise(p + 4096, 4096, MADV_PAGEOUT), EINVAL);
    CHECK_EQ(p[4096], 'x');
    // What lies before it is done.
    p[0] = 1;
    CHECK_EQ((long)join_thread(other), EINVAL);
    CHECK_ERRNO(madvise(p, 4 * 4096, MADV_DONTNEED), EINVAL);
    CHECK(p[0] == 0 && p[4096] == 'x' && p[2 * 4096] == 'x');
    pthread_t late = start_thread(advise_at_word, p);
    p[0] = 1;
    CHECK_EQ((long)join_thread(late), EINVAL);
    OK(madvise(p + 4096, 4096, 24));
    CHECK_EQ(p[4096], 0);
    OK(munlock(p + 4096, 4096));
    OK(madvise(p, 4 * 4096, MADV_DONTNEED));
    CHECK_EQ(p[3 * 4096], 0);
}

TEST(memory_locked_from_its_start) {
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERRNO(madvise(p, 4096, MADV_DONTNEED), EINVAL);
    // A child's memory is not locked.
    reap(FORK(OK(madvise(p, 4096, MADV_DONTNEED))));
    OK(munlock(p, 4096));
    OK(mlockall(MCL_FUTURE));
    char *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(q != MAP_FAILED);
    CHECK_ERRNO(madvise(q, 4096, MADV_DONTNEED), EINVAL);
    OK(madvise(p, 4096, MADV_DONTNEED));
    OK(mlockall(MCL_CURRENT));
    CHECK_ERRNO(madvise(p, 4096, MADV_FREE), EINVAL);
    OK(munlockall());
    OK(madvise(q, 4096, MADV_DONTNEED));
}

static volatile sig_atomic_t ticks;
static void tick(int number) {
    (void)number;
    ticks++;
}

// What a call has changed holds as soon as it is back, whatever comes between: signals, a fork, a thread, another who reads.
TEST(changes_hold_at_once) {
    signal(SIGALRM, tick);
    struct itimerval often = {{0, 300}, {0, 300}}, never = {0};
    OK(setitimer(ITIMER_REAL, &often, NULL));
    char *at = map(4, PROT_NONE);
    for (int round = 0; round < 4000 || ticks < 20; round++) {
        OK(mprotect(at, 8192, PROT_READ | PROT_WRITE));
        at[round % 8192] = (char)round;
        CHECK(mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
        CHECK_EQ(at[round % 4096], 0);
        // The host's, as another call would see it.
        OK(munmap(at, 4096));
        CHECK_ERRNO(write(-1, at, 1), EBADF);
        int fds[2];
        if (round % 500 == 0) {
            OK(pipe(fds));
            CHECK_ERRNO(write(fds[1], at, 1), EFAULT);
            pid_t pid = OK(fork());
            if (pid == 0) _exit(write(fds[1], at, 1) < 0 && write(fds[1], at + 4096, 1) == 1 ? 7 : 1);
            int status;
            while (waitpid(pid, &status, 0) < 0) CHECK_EQ(errno, EINTR);
            CHECK_EQ(WEXITSTATUS(status), 7);
            close(fds[0]);
            close(fds[1]);
        }
        OK(mprotect(at + 4096, 4096, PROT_NONE));
        CHECK(mmap(at, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at);
    }
    OK(setitimer(ITIMER_REAL, &never, NULL));
}
