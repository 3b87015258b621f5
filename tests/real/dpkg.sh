# A package is built, installed, listed and removed; in a sandbox the overlay takes it all.
# needs: dpkg dpkg-deb
# limit: 120
set -eu
mkdir -p pearl/DEBIAN pearl/usr/share/pearl-test
printf 'Package: pearl-test\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n' > pearl/DEBIAN/control
printf '#!/bin/sh\necho "postinst $1"\n' > pearl/DEBIAN/postinst; printf '#!/bin/sh\necho "prerm $1"\n' > pearl/DEBIAN/prerm; chmod 755 pearl/DEBIAN/p*
seq 100 > pearl/usr/share/pearl-test/numbers
dpkg-deb --root-owner-group -Zxz -b pearl pearl.deb > /dev/null
dpkg-deb -I pearl.deb | grep Package; dpkg-deb -c pearl.deb | wc -l
dpkg -i pearl.deb 2>&1 | grep -E '^(Setting|postinst)'
dpkg -s pearl-test | grep Status; wc -l < /usr/share/pearl-test/numbers; dpkg -L pearl-test | tail -1; dpkg -S /usr/share/pearl-test/numbers
dpkg -P pearl-test 2>&1 | grep -E '^(Removing|prerm)'; test ! -e /usr/share/pearl-test && echo removed
