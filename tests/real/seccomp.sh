# Programs that filter calls: libseccomp from Python, the sets of systemd, bubblewrap, the login process of OpenSSH.
# needs: /usr/bin/python3 bwrap systemd-analyze sshd
# each: libseccomp service bwrap sshd
case $1 in
libseccomp | service) exec /usr/bin/python3 "$REAL/data/seccomp_$1.py" ;;
bwrap)
    cd "$(mktemp -d)"
    /usr/bin/python3 -c '
from seccomp import *
f = SyscallFilter(ALLOW)
for name in "mkdir", "mkdirat":
    f.add_rule(ERRNO(18), name)
f.export_bpf(open("program", "wb"))'
    export LC_ALL=C
    bwrap --ro-bind / / --tmpfs /tmp --proc /proc --dev /dev --seccomp 9 \
        sh -c 'mkdir /tmp/d 2>&1; touch /tmp/f && ls /tmp; grep Seccomp: /proc/self/status' 9< program
    ;;
sshd)
    port=$((20000 + $$ % 10000))
    d=$(mktemp -d)
    cd "$d"
    chmod 755 "$d"
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f host
    ssh-keygen -q -t ed25519 -N '' -f me
    printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $d/host" 'PidFile none' \
        "AuthorizedKeysFile $d/me.pub" 'StrictModes no' 'UsePAM no' > config
    /usr/sbin/sshd -D -e -f config 2> log &
    server=$!
    trap 'kill $server' EXIT
    for _ in $(seq 100); do (exec 3<> /dev/tcp/127.0.0.1/$port) 2> /dev/null && break || sleep 0.1; done
    ssh -q -p "$port" -i me -o StrictHostKeyChecking=no -o UserKnownHostsFile=known "$(id -un)@127.0.0.1" \
        'cat | tr a-z A-Z' <<< "through the filter" || cat log
    # The process that talks to whoever has not logged in is filtered.
    exec 3<> /dev/tcp/127.0.0.1/$port
    read -r -t 10 line <&3
    echo "${line%%_*}"
    printf 'SSH-2.0-test\r\n' >&3
    for _ in $(seq 300); do
        found=$(pgrep -P "$server" -d ' ' sshd | xargs -n 1 pgrep -P 2> /dev/null | head -1)
        mode=$(grep Seccomp: "/proc/${found:-none}/status" 2> /dev/null)
        case $mode in *2) break ;; esac
        sleep 0.1
    done
    echo "$mode"
    ;;
esac
