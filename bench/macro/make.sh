# 30 C files, compiled and linked by make.
cd "$(mktemp -d)"
bash "$REAL/data/make-project.sh" 30
"$TIMED" make-30-files 1 make -s -j2
