# Plays a person whose shell runs PREFIX COMMAND as a job: keys that the job has not asked for stay the shell's.
import os, pty, select, sys, termios, time

sys.dont_write_bytecode = True
from settled import settle

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb", HISTFILE="")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
prefix = " ".join(sys.argv[1:]) + " " if sys.argv[1:] else ""
seen = ""
def wait_for(text, limit=40):
    global seen
    end = time.monotonic() + limit
    while text not in seen:
        if time.monotonic() > end:
            print("MISSING", repr(text), "in", repr(seen[-300:])); os.kill(pid, 9); sys.exit(1)
        if select.select([fd], [], [], 0.1)[0]:
            try: seen += os.read(fd, 4096).decode(errors="replace")
            except OSError: seen += "<end>"
    seen = seen.split(text, 1)[1]
    print("seen", text)
def type_in(text): os.write(fd, text.encode())
def job(text): type_in(prefix + text + "\n")

wait_for("$ "); before = termios.tcgetattr(fd)
# A job that reads from the background stops, and goes on in the foreground.
job("cat &"); wait_for("$ "); settle(pid); type_in("echo for the $((1 + 1)). reader\n"); wait_for("for the 2. reader"); wait_for("$ ")
type_in("jobs\n"); wait_for("Stopped"); wait_for("$ "); type_in("fg\n"); wait_for("cat"); settle(pid)
type_in("mine\n"); wait_for("mine"); wait_for("mine"); type_in("\x04"); wait_for("$ ")
# One that only writes goes on.
job("sh -c 'sleep 0.3; echo wri''tten' &"); wait_for("written"); type_in("wait\n"); wait_for("$ ")
# What is typed ahead is the shell's when the job does not read.
job("sleep 1"); type_in("echo ahe''ad\n"); wait_for("ahead"); wait_for("$ ")
# Stopped by a key, continued in the background and in the foreground, ended by a key.
job("sleep 60"); settle(pid); type_in("\x1a"); wait_for("Stopped"); wait_for("$ ")
type_in("bg\n"); wait_for("$ "); type_in("jobs\n"); wait_for("Running"); wait_for("$ ")
type_in("fg\n"); wait_for("sleep 60"); settle(pid); type_in("\x03"); wait_for("$ "); type_in("echo code $?\n"); wait_for("code 130"); wait_for("$ ")
# A pager reads its text from a pipe and its keys from the terminal.
type_in("seq 1000 1999 | TERM=xterm " + prefix + "less -X\n"); wait_for("1020"); type_in("G"); wait_for("1999"); type_in("q"); wait_for("$ ")
type_in("true | " + prefix + "sh -c 'tty < /dev/tty > /dev/null && echo termi''nal' | cat\n"); wait_for("terminal"); wait_for("$ ")
job("sh -c 'read line; echo re''ad $line' | cat"); settle(pid); type_in("typed\n"); wait_for("read typed"); wait_for("$ ")
print("modes as before", termios.tcgetattr(fd) == before)
type_in("exit 5\n")
print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
