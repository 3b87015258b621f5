# Plays a person at a terminal: runs the command on a new pty, types, and prints what must be the same everywhere.
import fcntl, os, pty, select, shutil, signal, struct, sys, termios, time

sys.dont_write_bytecode = True
from settled import settle

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb", HISTFILE="")
    os.execvp(sys.argv[1], sys.argv[1:])
def resize(rows, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
resize(24, 80)
seen = ""
def wait_for(text, limit=40):
    global seen, seen_before
    end = time.monotonic() + limit
    while text not in seen:
        if time.monotonic() > end:
            print("MISSING", repr(text), "in", repr(seen[-300:])); os.kill(pid, signal.SIGKILL); sys.exit(1)
        if select.select([fd], [], [], 0.1)[0]:
            try: seen += os.read(fd, 4096).decode(errors="replace")
            except OSError: seen += "<end>"
    seen_before, seen = seen.split(text, 1)
    print("seen", text)
def type_in(text): os.write(fd, text.encode())

wait_for("$ ")
type_in("echo a$((1 + 1))b\n"); wait_for("a2b"); wait_for("$ ")
type_in("echo wrong\x15echo r\x7fright\n"); wait_for("\nright"); wait_for("$ ")
type_in("tty | cut -d/ -f2,3 | tr / -\n"); wait_for("dev-pts"); wait_for("$ ")
type_in("sleep 100\n"); settle(pid); type_in("\x03"); wait_for("$ ")
type_in("echo code $?\n"); wait_for("code 130"); wait_for("$ ")
type_in("sleep 100\n"); settle(pid); type_in("\x1a"); wait_for("Stopped"); wait_for("$ ")
type_in("jobs\n"); wait_for("Stopped"); wait_for("$ ")
type_in("bg\n"); wait_for("$ "); type_in("jobs\n"); wait_for("Running"); wait_for("$ ")
type_in("fg\n"); wait_for("sleep 100"); settle(pid); type_in("\x03"); wait_for("$ ")
type_in("cat\n"); settle(pid); type_in("line\n"); wait_for("line"); wait_for("line"); type_in("\x04"); wait_for("$ ")
resize(33, 111); settle(pid)
type_in("stty size\n"); wait_for("33 111"); wait_for("$ ")
type_in("trap 'echo re''sized' WINCH\n"); wait_for("$ "); resize(24, 80); settle(pid); type_in("\n"); wait_for("resized"); wait_for("$ ")
type_in("trap - WINCH\n"); wait_for("$ ")
type_in("sleep 100\n"); settle(pid); type_in("\x1c"); wait_for("Quit"); wait_for("$ ")
type_in("read -s secret\n"); settle(pid); type_in("hid''den\n"); wait_for("$ "); type_in("echo $secret; clear\n"); wait_for("hid''den"); wait_for("$ ")
type_in("cat > /dev/null & until jobs | grep -q Stop''ped; do sleep 0.05; done\n"); wait_for("Stopped"); wait_for("$ "); type_in("fg\n"); wait_for("cat"); settle(pid); type_in("\x03"); wait_for("$ ")
type_in("stty tostop; (sleep 0.2; echo late) & until jobs | grep -q Stop''ped; do sleep 0.05; done\n"); wait_for("Stopped"); wait_for("$ "); type_in("stty -tostop; fg\n"); wait_for("late"); wait_for("$ ")
type_in("stty -a | md5sum\n"); wait_for(" -"); settings = seen_before[-32:]; wait_for("$ ")
def unchanged():
    type_in("stty -a | md5sum\n"); wait_for(" -"); print("settings as before", settings == seen_before[-32:]); wait_for("$ ")

# Programs that take the whole screen.
if shutil.which("vim"):
    type_in("cd /tmp; TERM=xterm vim -u NONE -i NONE -n pearl.txt\n"); wait_for("H~"); settle(pid)
    type_in("ifirst line\x1byyp"); settle(pid); type_in(":set columns?\n"); wait_for("columns=80")
    resize(40, 120); settle(pid); type_in(":set columns?\n"); wait_for("columns=120")
    type_in("\x1a"); wait_for("Stopped"); wait_for("$ "); type_in("fg\n"); wait_for("first line")
    type_in(":wq\n"); wait_for("written"); wait_for("$ ")
    type_in("wc -l < pearl.txt; rm pearl.txt\n"); wait_for("2"); wait_for("$ "); unchanged()
if shutil.which("less"):
    type_in("seq 1000 1999 | TERM=xterm less -X\n"); wait_for("1020"); type_in("/1500\n"); wait_for("1500")
    type_in("G"); wait_for("1999"); wait_for("END"); settle(pid); resize(24, 80); wait_for("1961"); settle(pid); type_in("g"); wait_for("1020"); type_in("q"); wait_for("$ "); unchanged()
if shutil.which("top"):
    type_in("TERM=xterm top -d 0.5\n"); wait_for("COMMAND"); wait_for("load average"); type_in("q"); wait_for("$ "); unchanged()
type_in("exit 5\n")
status = os.waitpid(pid, 0)[1]
print("exit code", os.waitstatus_to_exitcode(status))
