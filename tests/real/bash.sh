# Pipelines, here-documents, traps, arithmetic, substitution, job control.
set -u
echo one two three | tr ' ' '\n' | sort -r | head -2 | cat -n
cat << TEXT
here $((6 * 7)) $(echo nested $(echo twice))
TEXT
cat <<< "here string"
diff <(seq 1 5) <(seq 1 2 5) ; echo "diff $?"
seq 1 1000 | tee >(wc -l > count) | md5sum
until test -s count; do sleep 0.01; done; cat count
trap 'echo trapped TERM' TERM
trap 'echo leaving' EXIT
kill -TERM $$
(trap 'echo child INT; exit 3' INT; kill -INT $BASHPID; echo not reached); echo "child $?"
array=(a b "c d"); echo "${#array[@]} ${array[2]}"
declare -A map=([x]=1 [y]=2); for key in $(printf '%s\n' "${!map[@]}" | sort); do echo "$key=${map[$key]}"; done
for i in {1..5}; do (exit $i) & pids[$i]=$!; done
for i in {1..5}; do wait ${pids[$i]}; echo "job $i: $?"; done
set -o pipefail; false | true; echo "pipefail $?"; set +o pipefail
yes | head -1000 | wc -l
exec 5> five; echo to five >&5; exec 5>&-; cat five
{ echo out; echo err >&2; } 2>&1 > /dev/null | sed 's/^/stderr: /'
mkfifo silent; exec 6<> silent; read -t 0.05 line <&6 || echo "read timed out"; exec 6>&-
# A coprocess that has ended takes its descriptors along.
coproc up { tr a-z A-Z; }; exec 6<&"${up[0]}"; echo shout >&"${up[1]}"; eval "exec ${up[1]}>&-"; cat <&6; exec 6<&-; wait
cat > jobs.sh << 'JOBS'
set -m
sleep 60 & kill -STOP %1; while jobs | grep -q Running; do sleep 0.01; done; jobs | sed 's/  */ /g'
kill -CONT %1; while jobs | grep -q Stopped; do sleep 0.01; done; jobs | sed 's/  */ /g'
kill %1; wait %1; echo "killed $?"
bash -c 'kill -STOP $$; exit 8' & while jobs | grep -q Running; do sleep 0.01; done; fg %% > /dev/null; echo "fg $?"
JOBS
bash jobs.sh 2> /dev/null
ulimit -n 50; bash -c 'ulimit -n'
umask 027; touch masked; stat -c '%a %s' masked
echo "$((2 ** 40)) ${PWD##*/}" | sed 's/nacre-real-[0-9]*/work/'
printf '%s\n' "${BASH_VERSION%%.*}"
exit 42
