# git: init, commit, branch, merge, clone, push, rebase, gc.
# needs: git
# limit: 120
set -eu
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git config --global user.name pearl; git config --global user.email pearl@example.org; git config --global init.defaultBranch main
git init -q one; cd one
for i in {1..20}; do echo "line $i" >> file; echo $i > file$i; git add .; git commit -qm "commit $i"; done
git log --oneline | head -3; git status --short; git rev-parse HEAD
git checkout -qb topic HEAD~5; echo topic > topic; git add topic; git commit -qm topic; git checkout -q main; git merge -q --no-edit topic; git log --oneline --graph | head -4
git tag -a v1 -m one; git describe; git stash -q 2> /dev/null || true; echo change >> file; git diff --stat; git checkout -q file
git gc -q --prune=now; git fsck --strict 2> /dev/null; git count-objects -v | grep -E 'count|packs'
cd ..; git clone -q one two; cd two; git log -1 --format=%H; echo two > two; git add two; git commit -qm two
git clone -q --bare ../one ../bare.git; git push -q ../bare.git main; git --git-dir=../bare.git log -1 --format=%s main
git clone -q "file://$PWD/../bare.git" ../three; ls ../three | wc -l; cd ../three; git rebase -q HEAD~1; git grep -c line | head -2; git archive HEAD | tar -t | wc -l
git worktree add -q ../tree HEAD~1; git worktree list | wc -l; git blame -s file | head -1
