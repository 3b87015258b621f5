# Modules of Python's own test suite: the tests that fail or break, by name, and the end of each module.
# Tests that depend on the speed of the machine, or on users of it, are left out by name.
# needs: /usr/bin/python3
# each: test_os test_signal test_subprocess test_threading test_socket test_mmap test_time test_posix test_select test_fcntl test_pty
# limit: 300
leave_out=$(grep -v '^#' "$REAL/data/python-test-left-out.txt" | sed "s/.*/-i '&'/" | tr '\n' ' ')
eval "PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m test -v $leave_out $1" > log 2>&1
code=$?
sed -n 's/^\(FAIL\|ERROR\): [^ ]* (\([^)]*\)).*/\1 \2/p' log | sort -u
echo "exit code $code"
tail -n 200 log >&2
