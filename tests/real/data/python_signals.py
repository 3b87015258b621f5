import faulthandler, os, resource, signal, subprocess, sys, threading, time

got = []
signal.signal(signal.SIGUSR1, lambda n, f: got.append(n)); os.kill(os.getpid(), signal.SIGUSR1); print(got)
signal.signal(signal.SIGALRM, lambda n, f: got.append(n)); signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02); signal.pause(); signal.setitimer(signal.ITIMER_REAL, 0); print(sorted(set(got)))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2); print(signal.sigpending(), signal.sigwait([signal.SIGUSR2]))
threading.Thread(target=lambda: (time.sleep(0.02), signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1))).start(); time.sleep(0.2)
while got.count(signal.SIGUSR1) < 2: time.sleep(0.01)
print(sorted(set(got)), got.count(signal.SIGUSR1))
def run(code): return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode
print(run("import os; os.abort()"), run("import ctypes; ctypes.string_at(0)"), run("import sys; sys.exit(9)"), run("raise KeyboardInterrupt"))
print(run("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 5))\nwhile True: pass"))
print(run("import resource; resource.setrlimit(resource.RLIMIT_AS, (1<<28, 1<<28)); bytearray(1 << 30)"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0)
pid = os.fork()
if pid == 0: os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w); os.kill(os.getpid(), signal.SIGUSR1); print(os.read(r, 1))
