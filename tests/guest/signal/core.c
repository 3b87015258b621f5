// Core dumps: core(5).
#include "../test.h"
#include <elf.h>
#include <sys/prctl.h>
#include <sys/procfs.h>

// The tests are about the plain pattern.
static void need_plain_pattern(void) {
    if (strcmp(read_text("/proc/sys/kernel/core_pattern"), "core\n") != 0) SKIP("core_pattern is not core");
    if (strcmp(read_text("/proc/sys/kernel/core_uses_pid"), "0\n") != 0) SKIP("core_uses_pid is set");
}

static void limit_core(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    OK(setrlimit(RLIMIT_CORE, &limit));
}

// A core file in memory.
struct core {
    char *bytes;
    size_t len;
    Elf64_Ehdr *head;
    Elf64_Phdr *segments;
};

static struct core open_core(const char *path) {
    struct stat stat;
    OK(lstat(path, &stat));
    CHECK(S_ISREG(stat.st_mode));
    CHECK_EQ(stat.st_mode & 0777, 0600);
    CHECK_EQ(stat.st_uid, geteuid());
    int fd = OK(open(path, O_RDONLY));
    struct core core = {.bytes = OK(mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0)), .len = stat.st_size};
    close(fd);
    core.head = (void *)core.bytes;
    CHECK(memcmp(core.head->e_ident, ELFMAG, 4) == 0);
    CHECK_EQ(core.head->e_type, ET_CORE);
    CHECK_EQ(core.head->e_machine, EM_X86_64);
    core.segments = (void *)(core.bytes + core.head->e_phoff);
    return core;
}

// The nth note of a kind; its length.
static void *note(struct core *core, unsigned type, int nth, size_t *len) {
    for (int i = 0; i < core->head->e_phnum; i++) {
        if (core->segments[i].p_type != PT_NOTE) continue;
        char *at = core->bytes + core->segments[i].p_offset, *end = at + core->segments[i].p_filesz;
        while (at < end) {
            Elf64_Nhdr *head = (void *)at;
            char *content = at + sizeof *head + (head->n_namesz + 3) / 4 * 4;
            if (head->n_type == type && nth-- == 0) {
                if (len) *len = head->n_descsz;
                return content;
            }
            at = content + (head->n_descsz + 3) / 4 * 4;
        }
    }
    return NULL;
}

// Content of an address; NULL when it was not dumped.
static char *content(struct core *core, const volatile void *address) {
    for (int i = 0; i < core->head->e_phnum; i++) {
        Elf64_Phdr *segment = &core->segments[i];
        size_t offset = (uintptr_t)address - segment->p_vaddr;
        if (segment->p_type != PT_LOAD || (uintptr_t)address < segment->p_vaddr || offset >= segment->p_filesz) continue;
        return segment->p_offset + offset < core->len ? core->bytes + segment->p_offset + offset : NULL;
    }
    return NULL;
}

TEST(status_and_file) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    int status = status_of(FORK(abort()));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status));
    struct core core = open_core("core");
    struct elf_prstatus *first = note(&core, NT_PRSTATUS, 0, NULL);
    CHECK(first);
    CHECK_EQ(first->pr_cursig, SIGABRT);
    CHECK_EQ(first->pr_ppid, getpid());
    CHECK(!note(&core, NT_PRSTATUS, 1, NULL));
}

TEST(no_limit_no_core) {
    need_plain_pattern();
    limit_core(0);
    int status = status_of(FORK(abort()));
    CHECK(WIFSIGNALED(status) && !WCOREDUMP(status));
    CHECK_ERRNO(access("core", F_OK), ENOENT);
}

TEST(other_signals_do_not_dump) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    int status = status_of(FORK(raise(SIGTERM)));
    CHECK(WIFSIGNALED(status) && !WCOREDUMP(status));
    CHECK_ERRNO(access("core", F_OK), ENOENT);
}

TEST(undumpable) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    int status = status_of(FORK({
        OK(prctl(PR_SET_DUMPABLE, 0));
        abort();
    }));
    CHECK(WIFSIGNALED(status) && !WCOREDUMP(status));
    CHECK_ERRNO(access("core", F_OK), ENOENT);
}

TEST(what_is_there_gives_way) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    OK(symlink("elsewhere", "core"));
    CHECK(WCOREDUMP(status_of(FORK(abort()))));
    CHECK_ERRNO(access("elsewhere", F_OK), ENOENT);
    open_core("core");
    OK(unlink("core"));
    close(OK(creat("core", 0644)));
    write_text("core", "secret");
    OK(link("core", "other"));
    CHECK(WCOREDUMP(status_of(FORK(abort()))));
    CHECK_STR(read_text("other"), "secret");
    open_core("core");
    OK(unlink("core"));
    OK(mkdir("core", 0755));
    CHECK(!WCOREDUMP(status_of(FORK(abort()))));
}

static volatile char marked[] = "a word in the data";
static volatile uint64_t *volatile heap;
static char *volatile closed, *volatile hidden, *volatile empty, *volatile shared;

TEST(memory) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    const int map = MAP_PRIVATE | MAP_ANONYMOUS;
    heap = malloc(64);
    *heap = 0x1122334455667788;
    closed = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, map, -1, 0));
    strcpy(closed, "closed");
    OK(mprotect(closed, 4096, PROT_NONE));
    hidden = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, map, -1, 0));
    strcpy(hidden, "hidden");
    OK(madvise(hidden, 4096, MADV_DONTDUMP));
    empty = OK(mmap(NULL, 1L << 36, PROT_READ | PROT_WRITE, map | MAP_NORESERVE, -1, 0));
    empty[5L << 30] = 'x';
    shared = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    strcpy(shared, "shared");
    marked[0] = 'A';
    CHECK(WCOREDUMP(status_of(FORK(abort()))));
    struct core core = open_core("core");
    CHECK_STR(content(&core, marked), "A word in the data");
    CHECK(*(uint64_t *)content(&core, heap) == 0x1122334455667788);
    CHECK_STR(content(&core, closed), "closed");
    CHECK_STR(content(&core, shared), "shared");
    CHECK(!content(&core, hidden));
    CHECK_EQ(*content(&core, empty + (5L << 30)), 'x');
    struct stat stat;
    OK(lstat("core", &stat));
    CHECK(stat.st_blocks < 100000);
}

TEST(filter) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    write_text("/proc/self/coredump_filter", "0x10");
    heap = malloc(64);
    CHECK(WCOREDUMP(status_of(FORK(abort()))));
    struct core core = open_core("core");
    CHECK(!content(&core, heap));
    CHECK(!content(&core, marked));
    CHECK(note(&core, NT_PRSTATUS, 0, NULL));
}

TEST(limit_cuts_it_short) {
    need_plain_pattern();
    limit_core(16384);
    CHECK(WCOREDUMP(status_of(FORK(abort()))));
    struct stat stat;
    OK(lstat("core", &stat));
    CHECK(stat.st_size <= 16384 && stat.st_size > 0);
}

static volatile bool goes_on = true;

static void *spin(void *arg) {
    while (goes_on) continue;
    return arg;
}

static void *fall_asleep(void *arg) {
    (void)arg;
    pause();
    return NULL;
}

static void *crash(void *arg) {
    (void)arg;
    usleep(30000);
    __asm__ volatile("movl $0x1234567, %ebx; movq %rbx, %xmm7; movl $0, (0x10)");
    return NULL;
}

TEST(threads_and_notes) {
    need_plain_pattern();
    limit_core(RLIM_INFINITY);
    pid_t child = FORK({
        prctl(PR_SET_NAME, "core test");
        pthread_t thread;
        for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, i % 2 ? spin : fall_asleep, NULL);
        pthread_create(&thread, NULL, crash, NULL);
        pause();
    });
    int status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
    struct core core = open_core("core");
    size_t len;
    struct elf_prstatus *first = note(&core, NT_PRSTATUS, 0, &len);
    CHECK_EQ(len, sizeof *first);
    CHECK_EQ(first->pr_cursig, SIGSEGV);
    CHECK_EQ(first->pr_info.si_signo, SIGSEGV);
    CHECK(first->pr_pid != child);
    CHECK_EQ(((unsigned long *)first->pr_reg)[5], 0x1234567);
    CHECK(note(&core, NT_PRSTATUS, 4, NULL) && !note(&core, NT_PRSTATUS, 5, NULL));
    bool has_leader = false;
    for (int i = 0; i < 5; i++) has_leader |= ((struct elf_prstatus *)note(&core, NT_PRSTATUS, i, NULL))->pr_pid == child;
    CHECK(has_leader);
    struct elf_prpsinfo *process = note(&core, NT_PRPSINFO, 0, &len);
    CHECK_EQ(len, sizeof *process);
    CHECK_EQ(process->pr_pid, child);
    CHECK_EQ(process->pr_ppid, getpid());
    CHECK_STR(process->pr_fname, "core test");
    CHECK(strstr(process->pr_psargs, "core"));
    siginfo_t *info = note(&core, 0x53494749, 0, &len);
    CHECK(info->si_signo == SIGSEGV && info->si_addr == (void *)0x10);
    CHECK(note(&core, NT_AUXV, 0, &len) && len % 16 == 0);
    long *files = note(&core, 0x46494c45, 0, &len);
    CHECK(files && files[0] > 0 && files[1] == 4096);
    char *names = (char *)(files + 2 + files[0] * 3);
    bool has_own = false;
    for (int i = 0; i < files[0]; i++, names += strlen(names) + 1) has_own |= strstr(names, "core") != NULL;
    CHECK(has_own);
    char *fp = note(&core, NT_FPREGSET, 0, &len);
    CHECK(fp && len == 512);
    CHECK_EQ(*(long *)(fp + 160 + 7 * 16), 0x1234567);
    CHECK(note(&core, NT_FPREGSET, 4, NULL));
    CHECK(note(&core, 0x202, 0, &len) && len >= 576);
}
