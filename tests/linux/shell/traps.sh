#!/bin/sh
# with: dash; bash; busybox sh
trap 'echo got usr1' USR1; kill -USR1 $$; echo after
trap '' USR1; kill -USR1 $$; echo ignored
trap - USR1; { (kill -USR1 $(sh -c 'echo $PPID')); echo "default: $?"; } 2>/dev/null
sh -c 'trap "echo bye" EXIT; echo hi; exit 3'; echo $?
sh -c 'trap "echo int; exit 5" INT; kill -INT $$; echo no'; echo $?
sh -c 'trap "echo term" TERM; (sleep 0.1; kill -TERM $$) & wait; echo "wait ended"; wait'; echo $?
sh -c 'trap "" TERM; sh -c "kill -TERM \$\$; echo inherited"'; echo $?
sh -c 'trap "echo no" TERM; sh -c "kill -TERM \$\$; echo no"'; echo $?
sh -c 'trap "n=\$((n+1))" USR1; n=0; i=0; while [ $i -lt 5 ]; do kill -USR1 $$; i=$((i+1)); done; echo $n'
sh -c 'trap "echo exit \$?" EXIT; false'; echo $?
(trap 'echo sub' EXIT); echo main
trap 'echo first' EXIT; trap 'echo "last word"' EXIT
sh -c 'trap "echo once; trap - INT; kill -INT \$\$" INT; kill -INT $$; echo no'; echo $?
sh -c 'trap "" HUP; (sleep 0.2; echo outlives) & kill -HUP $! ; wait'
{ sh -c 'ulimit -c 0; kill -ABRT $$'; echo $?; } 2>/dev/null
