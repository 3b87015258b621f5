# When has what was typed been taken in, however busy the machine is? When all of a process's descendants sleep.
import os, time

def threads_below(root):
    """The states of all threads of all descendants of a process."""
    parents, states = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file: words = file.read().rsplit(")", 1)[1].split()
            parents[pid] = words[1]
            states[pid] = []
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/stat") as file: states[pid].append(file.read().rsplit(")", 1)[1].split()[0])
        except OSError: pass  # It has ended.
    below, new = set(), {str(root)}
    while new:
        below |= new
        new = {pid for pid, parent in parents.items() if parent in new}
    return [state for pid in below for state in states.get(pid, [])]

def settle(root, limit=30):
    """Waits until none of them has run for a while; what takes its time (a sleep) must not be on its way."""
    quiet, end = 0, time.monotonic() + limit
    while quiet < 6 and time.monotonic() < end:
        time.sleep(0.02)
        quiet = quiet + 1 if all(state in "STtZX" for state in threads_below(root)) else 0
