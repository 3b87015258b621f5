import asyncio, os, signal

async def echo(reader, writer):
    while data := await reader.readline():
        writer.write(data.upper()); await writer.drain()
    writer.close()
async def client(port, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = 0
    for i in range(50):
        writer.write(f"line {n} {i}\n".encode()); await writer.drain()
        got += (await reader.readline()) == f"LINE {n} {i}\n".encode()
    writer.close(); return got
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(sum(await asyncio.gather(*(client(port, n) for n in range(20)))))
    server.close()
    unix = await asyncio.start_unix_server(echo, "sock")
    reader, writer = await asyncio.open_unix_connection("sock")
    writer.write(b"unix\n"); print(await reader.readline()); writer.close(); unix.close()
    p = await asyncio.create_subprocess_exec("sh", "-c", "cat; exit 4", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print(await p.communicate(b"to child"), p.returncode)
    loop, got = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, got.set); os.kill(os.getpid(), signal.SIGUSR1); await got.wait(); print("signal")
    start = loop.time(); await asyncio.gather(*(asyncio.sleep(0.05) for _ in range(100))); print(0.05 <= loop.time() - start < 5)
    try: await asyncio.wait_for(asyncio.sleep(10), 0.02)
    except asyncio.TimeoutError: print("timeout")
    print(await asyncio.to_thread(sum, range(1000)), await loop.run_in_executor(None, os.getpid) == os.getpid())
asyncio.run(main())
