"""Plays a person and an engine that run programs on terminals in a container: exec.py NACRE ROOT ID."""
import array, fcntl, os, pty, select, socket, struct, subprocess, sys, tempfile, termios, time

nacre, root, name = sys.argv[1:]
command = [nacre, "--root", root, "exec"]


def until(fd, text, seconds=40):
    """Reads the terminal until it has shown a text, or its end."""
    shown, end = b"", time.time() + seconds
    while text not in shown and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got = os.read(fd, 4096)
            except OSError:
                break
            if not got:
                break
            shown += got
    print("shown" if text in shown else f"want {text!r}, got {shown!r}", text.decode())


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


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
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place + "/console")
    listener.listen()
    start = [*command, "--detach", "--tty", "--pid-file", place + "/pid", "--console-socket", place + "/console"]
    done = subprocess.run([*start, name, "sh", "-c", script], stdin=subprocess.DEVNULL, timeout=60)
    print("started", done.returncode)
    peer, _ = listener.accept()
    _, control, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(4))
    fd = array.array("i", control[0][2])[0]
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
    peer, _ = listener.accept()
    _, control, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(4))
    os.close(array.array("i", control[0][2])[0])
    pid = int(open(place + "/pid").read())
    print("hung up", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
