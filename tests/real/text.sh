# find, xargs, grep, sed, awk.
# needs: gawk find
set -eu
mkdir -p tree/{a,b}/{1,2}; for f in tree/*/*; do echo "in $f" > $f/file.txt; echo data > $f/other.dat; done
find tree -name '*.txt' | sort; find tree -type d | wc -l; find tree -name '*.dat' -delete; find tree -type f | wc -l
find tree -type f -print0 | sort -z | xargs -0 -n 2 echo pair
find tree -name file.txt -exec grep -l 'a/1' {} +
find tree -newer tree/a -o -name nothing | wc -l > /dev/null
seq 200 | xargs -P 4 -n 10 sh -c 'echo $#' sh | sort | uniq -c
grep -rn 'in tree/b' tree | sort; grep -c . tree/a/1/file.txt; grep -E '^(in|out) ' -o tree/a/1/file.txt; grep -P 'tr\wee?' tree/a/1/file.txt
sed -e 's/in/out/' -e '$a last' tree/a/1/file.txt; sed -i 's/in/edited/' tree/b/2/file.txt; cat tree/b/2/file.txt
gawk 'BEGIN { "echo sub" | getline x; print x; print substr("hello", 2, 3), length("x"), toupper("up") }'
gawk -F: '{ n[$1 % 3] += $2 } END { for (i = 0; i < 3; i++) print i, n[i] }' < <(for i in {1..50}; do echo "$i:$((i * i))"; done)
gawk 'BEGIN { print strftime("%Y", 86400, 1); cmd = "sort"; print "b\na" | cmd; close(cmd); system("echo system") }'
gawk 'BEGIN { s = "/inet/tcp/0/127.0.0.1/1"; printf "x" |& s; print "refused" }' 2> /dev/null || echo "no connection"
