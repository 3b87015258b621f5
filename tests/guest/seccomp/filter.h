// Filters for the tests of this topic.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), yes, no)

// A call that does not exist, for filters to decide about.
enum { TRIED = 1000 };

UNUSED long load_filter(unsigned flags, struct sock_filter *code, unsigned short len) {
    struct sock_fprog program = {.len = len, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

// Loads a program given as instructions.
#define FILTER_WITH(flags, ...)                                                                                        \
    ({                                                                                                                 \
        struct sock_filter code_[] = {__VA_ARGS__};                                                                    \
        load_filter(flags, code_, sizeof code_ / sizeof code_[0]);                                                     \
    })
#define FILTER(...) FILTER_WITH(0, __VA_ARGS__)

// Loads a program that says `verdict` about call `nr` and allows all others.
UNUSED long filter_call_with(unsigned flags, int nr, unsigned verdict) {
    return FILTER_WITH(flags, LOAD(nr), IF_EQUAL(nr, 0, 1), RETURN(verdict), RETURN(SECCOMP_RET_ALLOW));
}

UNUSED void filter_call(int nr, unsigned verdict) { OK(filter_call_with(0, nr, verdict)); }

UNUSED void no_new_privs(void) { OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
