"""Plays a person and an engine that run programs on terminals in a container: exec.py NACRE ROOT ID."""
import os, pty, subprocess, sys, tempfile
from consoles import listen, resize, taken, until

nacre, root, name = sys.argv[1:]
command = [nacre, "--root", root, "exec"]


# A signal ends a read, unless it comes just before that: a line ends it then. Which of them comes first is not for this
# side to know.
script = (
    "trap 'echo size $(stty size)' WINCH; trap 'echo interrupted' INT; echo up $(tty); "
    "while :; do line=; read line; [ \"$line\" = end ] && exit 9; echo got $line; done"
)

# A person at a terminal.
pid, fd = pty.fork()
if pid == 0:
    os.execv(nacre, command + ["-t", name, "sh", "-c", script])
until(fd, b"up /dev/pts/0")
os.write(fd, b"word\n")
until(fd, b"got word")
resize(fd, 33, 99)
os.write(fd, b"\n")
until(fd, b"size 33 99")
os.write(fd, b"\x03\n")
until(fd, b"interrupted")
os.write(fd, b"end\n")
print("person", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.close(fd)

# An engine: it takes the terminal over a socket and waits for a child that is not its own.
libc = __import__("ctypes").CDLL(None)
libc.prctl(36, 1, 0, 0, 0)
with tempfile.TemporaryDirectory() as place:
    listener, console = listen(place)
    start = [*command, "--detach", "--tty", "--pid-file", place + "/pid", "--console-socket", console]
    done = subprocess.run([*start, name, "sh", "-c", script], stdin=subprocess.DEVNULL, timeout=60)
    print("started", done.returncode)
    fd = taken(listener)
    until(fd, b"up /dev/pts/0")
    resize(fd, 44, 88)
    os.write(fd, b"x\n")
    until(fd, b"size 44 88")
    os.write(fd, b"end\n")
    pid = int(open(place + "/pid").read())
    print("engine", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(fd)

    # Its terminal is closed: the program is hung up.
    done = subprocess.run([*start, name, "sh", "-c", "while :; do sleep 1; done"], stdin=subprocess.DEVNULL)
    os.close(taken(listener))
    pid = int(open(place + "/pid").read())
    print("hung up", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
