#!/bin/sh
# git: a repository is made, changed, packed and cloned.
export HOME=$PWD GIT_AUTHOR_DATE='2024-01-02T03:04:05Z' GIT_COMMITTER_DATE='2024-01-02T03:04:05Z'
git config --global user.name A; git config --global user.email a@example.org
git config --global init.defaultBranch main; git config --global advice.detachedHead false
mkdir r; cd r; git init -q; echo one >f; mkdir d; echo two >d/g; git add .; git commit -qm first; git log --format='%H %s'
echo more >>f; git diff --stat; git commit -qam second; git checkout -qb side HEAD~1; echo side >s; git add s; git commit -qm side
git checkout -q main; git merge -q -m merged side; git log --oneline --graph | sed 's/[0-9a-f]\{7\}/X/'; git status --short; git fsck 2>&1 | tail -n 1
git gc -q; git count-objects -v | grep -E 'count|in-pack|packs'; cd ..
git clone -q r copy; cd copy; git rev-parse HEAD; cat f s d/g; git rm -q s; git stash -q; git stash list | wc -l; git tag v1; git describe; git archive HEAD | tar t
