# unshare, nsenter, lsns, setpriv, setcap, ip and bubblewrap, as root and as somebody without rights.
# needs: unshare nsenter lsns setpriv capsh ip bwrap
# each: users rootless enter network clocks bwrap capabilities
export LC_ALL=C
case $1 in
users)
    unshare -Urmpf --mount-proc sh -c 'id -u; cat /proc/self/uid_map; cat /proc/self/setgroups; set -- $(ps -o pid=); echo $#; grep CapEff /proc/self/status'
    unshare -U sh -c 'id -un; cat /proc/self/uid_map | wc -l'
    unshare -Ur unshare -U --map-current-user sh -c 'id -u; cat /proc/self/uid_map'
    ;;
rootless)
    exec setpriv --reuid 1000 --regid 1000 --clear-groups sh -c '
        cd /tmp; unshare -u true 2>&1 | tail -c 24
        unshare -Ur sh -c "id -u; hostname other 2>&1 | wc -l; chown 1 /proc/self 2>&1 | wc -l"
        unshare -Urmu sh -c "hostname inner; hostname; mount -t tmpfs none /mnt && touch /mnt/f && stat -c %u /mnt/f"
        unshare -Urmpfn --mount-proc sh -c "ps -o pid=,comm= ax; ip link set lo up; ip -br addr"
        unshare -Ur sh -c "cat /etc/shadow 2>&1 | wc -l; stat -c %U:%G /etc/shadow"'
    ;;
enter)
    unshare -Cuimnpf --mount-proc sh -c 'hostname inner; exec sleep 300' &
    until pid=$(pgrep -P $!) && [ "$(cat "/proc/$pid/comm")" = sleep ]; do sleep 0.05; done
    nsenter -t "$pid" -a sh -c 'hostname; ps -o comm= -p 1; ip -br link; readlink /proc/self/ns/net' > inside
    head -3 inside
    [ "$(tail -1 inside)" = "$(readlink "/proc/$pid/ns/net")" ] && [ "$(tail -1 inside)" != "$(readlink /proc/self/ns/net)" ] && echo another
    for kind in uts ipc net pid mnt cgroup; do lsns -n -t $kind -o NPROCS,COMMAND -p "$pid"; done
    kill "$pid"
    ;;
network)
    unshare -n sh -c 'ip -br link; ip addr show lo | grep -c inet; ip link set lo up; ip -br addr; ip route show table local | wc -l; cat /proc/net/tcp | wc -l'
    unshare -n /usr/bin/python3 -c '
import socket
s = socket.socket()
print(s.connect_ex(("127.0.0.1", 80)))'
    ;;
clocks)
    unshare -T --monotonic 1000000 --boottime 2000000 sh -c 'cat /proc/self/timens_offsets; cut -c1 /proc/uptime; /usr/bin/python3 -c "
import time
print(int(time.monotonic()) // 1000000, int(time.clock_gettime(time.CLOCK_BOOTTIME)) // 2000000)
t = time.monotonic(); time.sleep(0.05); print(0.05 <= time.monotonic() - t < 5)
import threading
print(threading.Event().wait(0.05))"'
    ;;
bwrap)
    bwrap --unshare-all --ro-bind / / true && echo ran
    bwrap --unshare-all --unshare-user --uid 7 --gid 8 --hostname box --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp \
        sh -c 'id -u; id -g; hostname; ip -br addr; ls /tmp | wc -l; touch /x 2>&1; set -- $(ps -o pid= ax); echo $# $$'
    setpriv --reuid 1000 --regid 1000 --clear-groups bwrap --unshare-all --ro-bind / / --dev /dev --proc /proc \
        --tmpfs /tmp sh -c 'id -u; id -g; ip -br addr; set -- $(ps -o pid= ax); echo $#; echo > /dev/null; touch /tmp/x && stat -c %u /tmp/x'
    ;;
capabilities)
    cp "$(command -v cat)" ./mine
    setcap cap_dac_read_search=ep ./mine && getcap ./mine
    chmod 755 . && echo secret > kept && chmod 600 kept
    setpriv --reuid 1000 --regid 1000 --clear-groups ./mine kept
    setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs ./mine kept 2>&1
    setpriv --reuid 1000 --clear-groups --inh-caps +chown --ambient-caps +chown capsh --print | grep Ambient
    capsh --drop=cap_net_raw -- -c 'grep CapBnd /proc/self/status | tail -c 5'
    capsh --secbits=0x2f -- -c 'capsh --print | grep Securebits'
    ;;
esac
