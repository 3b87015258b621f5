"""Plays an engine that makes a container with a terminal: create.py NACRE ROOT ID BUNDLE."""
import os, subprocess, sys, tempfile
from consoles import listen, resize, taken, until

nacre, root, name, bundle = sys.argv[1:]
with tempfile.TemporaryDirectory() as place:
    listener, console = listen(place)
    line = [nacre, "--root", root, "create", "--bundle", bundle, "--console-socket", console, name]
    # It reads what the runtime says to its end: nothing that stays may hold these streams.
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=40)
    print("created", done.returncode, done.stdout + done.stderr)
    fd = taken(listener)
    resize(fd, 55, 77)
    done = subprocess.run([nacre, "--root", root, "start", name], capture_output=True, timeout=40)
    print("started", done.returncode, done.stdout + done.stderr)
    until(fd, b"up /dev/pts/0 55 77")
    os.write(fd, b"word\n")
    until(fd, b"got word")
    os.write(fd, b"end\n")
    until(fd, b"bye")
