# 200 processes, one after the other.
"$TIMED" bash-200-true 1 bash -c 'for i in {1..200}; do /bin/true; done'
