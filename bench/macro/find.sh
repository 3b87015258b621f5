# A walk over the whole root filesystem, as far as it is not a mount of its own.
"$TIMED" find 3 find / -xdev -maxdepth 4
