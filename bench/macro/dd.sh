# 200 000 small reads and writes.
"$TIMED" dd-bs1 1 dd if=/dev/zero of=/dev/null bs=1 count=200000 status=none
