# Plays a person at a terminal: runs the command on a new pty, types, and prints what must be the same everywhere.
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb", HISTFILE="")
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen = ""
def wait_for(text, limit=15):
    global seen
    end = time.monotonic() + limit
    while text not in seen:
        if time.monotonic() > end:
            print("MISSING", repr(text), "in", repr(seen[-300:])); os.kill(pid, signal.SIGKILL); sys.exit(1)
        if select.select([fd], [], [], 0.1)[0]:
            try: seen += os.read(fd, 4096).decode(errors="replace")
            except OSError: seen += "<end>"
    seen = seen.split(text, 1)[1]
    print("seen", text)
def type_in(text): os.write(fd, text.encode())

wait_for("$ ")
type_in("echo a$((1 + 1))b\n"); wait_for("a2b"); wait_for("$ ")
type_in("echo wrong\x15echo r\x7fright\n"); wait_for("\nright"); wait_for("$ ")
type_in("tty | cut -d/ -f2,3 | tr / -\n"); wait_for("dev-pts"); wait_for("$ ")
type_in("sleep 100\n"); time.sleep(0.5); type_in("\x03"); wait_for("$ ")
type_in("echo code $?\n"); wait_for("code 130"); wait_for("$ ")
type_in("sleep 100\n"); time.sleep(0.5); type_in("\x1a"); wait_for("Stopped"); wait_for("$ ")
type_in("jobs\n"); wait_for("Stopped"); wait_for("$ ")
type_in("bg\n"); wait_for("$ "); type_in("jobs\n"); wait_for("Running"); wait_for("$ ")
type_in("fg\n"); wait_for("sleep 100"); time.sleep(0.3); type_in("\x03"); wait_for("$ ")
type_in("cat\n"); time.sleep(0.3); type_in("line\n"); wait_for("line"); wait_for("line"); type_in("\x04"); wait_for("$ ")
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0)); time.sleep(0.3)
type_in("stty size\n"); wait_for("33 111"); wait_for("$ ")
type_in("exit 5\n")
status = os.waitpid(pid, 0)[1]
print("exit code", os.waitstatus_to_exitcode(status))
