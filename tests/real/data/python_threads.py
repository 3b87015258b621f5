import queue, threading, time, concurrent.futures

total, lock = 0, threading.Lock()
def add(n):
    global total
    for _ in range(n):
        with lock:
            total += 1
threads = [threading.Thread(target=add, args=(2000,)) for _ in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total)
q = queue.Queue(5)
def produce():
    for i in range(100): q.put(i)
    q.put(None)
producer = threading.Thread(target=produce); producer.start()
print(sum(iter(q.get, None))); producer.join()
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda x: x * x, range(200))))
event = threading.Event()
start = time.monotonic()
print(event.wait(0.05), time.monotonic() - start >= 0.05)
barrier = threading.Barrier(4)
order = []
def meet():
    barrier.wait(); order.append(1)
ts = [threading.Thread(target=meet) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
print(len(order), threading.active_count())
local = threading.local(); local.x = 1
def other(): print(hasattr(local, "x"))
t = threading.Thread(target=other); t.start(); t.join()
