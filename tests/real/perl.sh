# Perl: regular expressions, processes, pipes, sockets, signals, sorting, files.
# needs: perl
exec perl "$REAL/data/test.pl"
