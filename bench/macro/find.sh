# A walk over the root filesystem, as far as it is not a mount of its own and nobody works in it.
"$TIMED" find 3 find / -xdev -maxdepth 4 -path /tmp -prune -o -print
