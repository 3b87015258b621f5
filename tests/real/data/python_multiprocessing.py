import multiprocessing as mp, os, time

def square(x): return x * x
def fill(q, n):
    for i in range(n): q.put((os.getpid() != os.getppid(), i))
def bump(value, n):
    for _ in range(n):
        with value.get_lock(): value.value += 1
def main():
    for method in ("fork", "spawn", "forkserver"):
        ctx = mp.get_context(method)
        with ctx.Pool(4) as pool:
            print(method, sum(pool.map(square, range(100))))
        q = ctx.Queue()
        p = ctx.Process(target=fill, args=(q, 50)); p.start()
        print(method, sum(q.get()[1] for _ in range(50))); p.join(); print(p.exitcode)
        v = ctx.Value("i", 0)
        ps = [ctx.Process(target=bump, args=(v, 200)) for _ in range(3)]
        [p.start() for p in ps]; [p.join() for p in ps]
        print(method, v.value)
    a, b = mp.Pipe(); a.send({"x": [1, 2]}); print(b.recv())
    from multiprocessing import shared_memory
    s = shared_memory.SharedMemory(create=True, size=100); s.buf[0] = 7
    t = shared_memory.SharedMemory(name=s.name); print(t.buf[0]); t.close(); s.close(); s.unlink()
    p = mp.Process(target=time.sleep, args=(30,)); p.start(); p.terminate(); p.join(); print(p.exitcode)
if __name__ == "__main__": main()
