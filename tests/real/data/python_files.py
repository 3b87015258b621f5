import fcntl, glob, mmap, os, pathlib, select, shutil, socket, stat, tempfile, time

os.makedirs("a/b/c"); pathlib.Path("a/b/f").write_text("hello"); shutil.copytree("a", "z"); print(sorted(glob.glob("**", recursive=True)))
with open("m", "wb+") as f:
    f.truncate(8192); m = mmap.mmap(f.fileno(), 8192); m[100:105] = b"mmap!"; m.flush(); f.seek(100); print(f.read(5))
with tempfile.TemporaryFile() as f: f.write(b"x" * 10); f.seek(0); print(len(f.read()))
print(oct(os.stat("a").st_mode), os.path.islink("a")); os.symlink("a", "l"); print(os.readlink("l"), os.listdir("l"))
with os.scandir("a") as it: print([(e.name, e.is_dir()) for e in it])
fd = os.open("lock", os.O_CREAT | os.O_RDWR); fcntl.lockf(fd, fcntl.LOCK_EX); fcntl.flock(fd, fcntl.LOCK_EX); print("locked")
os.setxattr("m", "user.x", b"1") if os.path.exists("/no") else None
r, w = os.pipe(); p = select.epoll(); p.register(r, select.EPOLLIN); os.write(w, b"x"); print(p.poll(1)[0][1])
a, b = socket.socketpair(); socket.send_fds(a, [b"x"], [r]); print(len(socket.recv_fds(b, 1, 1)[1]))
print(os.sendfile(w, os.open("a/b/f", os.O_RDONLY), 0, 5), os.read(r, 10), os.copy_file_range(os.open("m", os.O_RDONLY), os.open("c", os.O_CREAT | os.O_WRONLY), 100))
e = os.eventfd(3) if hasattr(os, "eventfd") else None; print(os.eventfd_read(e)); mf = os.memfd_create("x"); print(os.write(mf, b"abc"))
os.utime("m", (1, 2)); print(os.stat("m").st_mtime, os.statvfs(".").f_namemax, os.sysconf("SC_PAGE_SIZE"), os.cpu_count() > 0, time.get_clock_info("monotonic").resolution)
shutil.rmtree("a"); print(os.path.exists("l"), os.path.lexists("l"), os.getloadavg()[0] >= 0, os.uname().sysname, socket.gethostname() != "")
