#!/bin/sh
# with: dash; bash; busybox sh
v='a b'; cat <<END
plain $v ${v#a } $(echo sub) `echo back` \$not \\ "quoted" 'too'
END
cat <<'END'
literal $v $(no) `no` \n
END
cat <<-END
	tabs go
		all of them
	END
cat <<A; cat <<B
one
A
two
B
x=$(cat <<END
in a substitution: $((6 * 7))
END
); echo "$x"
cat <<END | tr a-z A-Z
through a pipe
END
f() { cat <<END
in a function: $1
END
}
f arg
cat <<END
joined \
line
END
i=0; while [ $i -lt 3 ]; do cat <<END
turn $i
END
i=$((i + 1)); done
awk 'BEGIN { for (i = 0; i < 9000; i++) print "line", i }' >big
{ echo 'cat <<END | cksum'; cat big; echo END; } >script; . ./script
