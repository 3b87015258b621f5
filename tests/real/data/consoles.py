"""The side of a terminal that a person or an engine has."""
import array, fcntl, os, select, socket, struct, termios, time


def until(fd, text, seconds=40):
    """Reads the terminal until it has shown a text, or its end."""
    shown, end = b"", time.time() + seconds
    while text not in shown and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got = os.read(fd, 4096)
            except OSError:
                break
            if not got:
                break
            shown += got
    print("shown" if text in shown else f"want {text!r}, got {shown!r}", text.decode())


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def listen(place):
    """A socket in a directory that runtimes send the master end of a terminal to, and its path."""
    listener, path = socket.socket(socket.AF_UNIX), place + "/console"
    listener.bind(path)
    listener.listen()
    listener.settimeout(40)
    return listener, path


def taken(listener):
    """A master end that was sent."""
    peer, _ = listener.accept()
    _, control, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(4))
    return array.array("i", control[0][2])[0]
