# What libseccomp makes of rules: verdicts, conditions on arguments, signals.
import ctypes
import errno
import os
import resource
import signal
import sys

from seccomp import ALLOW, EQ, ERRNO, GE, KILL_PROCESS, LOG, MASKED_EQ, TRAP, Arg, SyscallFilter

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
libc = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    result = libc.syscall(number, *(ctypes.c_ulong(arg) for arg in args))
    return errno.errorcode[ctypes.get_errno()] if result == -1 else "done"


def child(name, work):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        work()
        sys.stdout.flush()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    end = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    print(name, "ends with", end)


def allow_list():
    rules = SyscallFilter(ERRNO(errno.EPERM))
    for name in "write", "exit_group", "rt_sigreturn", "rt_sigaction", "mmap", "munmap", "brk", "madvise", "futex":
        rules.add_rule(ALLOW, name)
    rules.add_rule(ALLOW, "dup3", Arg(0, EQ, 1), Arg(2, EQ, 0))
    rules.add_rule(ALLOW, "socket", Arg(0, GE, 1 << 32))
    rules.add_rule(ALLOW, "clone", Arg(0, MASKED_EQ, 0x7E020000, 0))
    rules.add_rule(ERRNO(errno.EXDEV), "getppid")
    rules.add_rule(LOG, "getuid")
    rules.load()
    print("getppid", call(110), "getuid", call(102), "getgid", call(104))
    print("dup3", call(292, 1, 50, 0), call(292, 2, 50, 0), call(292, 1, 50, 0o2000000), call(292, 1 << 32 | 1, 50, 0))
    print("socket", call(41, 1, 1, 0), call(41, 1 << 32 | 1, 1, 0))
    print("clone", call(56, 0x10000000))


def kill():
    rules = SyscallFilter(ALLOW)
    rules.add_rule(KILL_PROCESS, "getppid")
    rules.load()
    os.getppid()


def trap():
    rules = SyscallFilter(ALLOW)
    rules.add_rule(TRAP, "getppid")
    rules.load()
    signal.signal(signal.SIGSYS, lambda number, frame: print("caught", signal.Signals(number).name))
    os.getppid()
    print("and on")


child("allow list", allow_list)
child("kill", kill)
child("trap", trap)
