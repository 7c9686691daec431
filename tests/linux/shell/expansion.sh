#!/bin/sh
# with: dash; bash; busybox sh
p() { printf '<%s>' "$@"; echo " $#"; }
unset u; e=; s='a  b c'; path=/usr/local/lib/x.tar.gz
p ${u-unset} ${e-set} ${u:-null} ${e:-null} ${s:+yes} ${u+no}
p "${#s}" "${path##*/}" "${path#*/}" "${path%.*}" "${path%%.*}"
p $s; p "$s"; p "x$e"y
set -- 1 "2 3" '' 4; p "$@"; p "$*"; p $*; p "$#" "$1"
IFS=:; x=a:b::c; p $x; p "$*"; unset IFS
: ${d:=default}; p $d
(: ${u:?is not there}) 2>/dev/null; echo "status $?"
p $((1 + 2 * 3)) $(((1 + 2) * 3)) $((7 / 2)) $((-7 / 2)) $((7 % 3)) $((1 << 10)) $((0x1f)) $((010))
p $((5 > 3)) $((5 == 3 || 1)) $((!0)) $((~0)) $((1 ? 2 : 3))
i=5; p $((i += 2)) $i $((i * i))
p $((9223372036854775807 + 1))
p "$(printf 'a\nb\n\n')" "$(echo 'x'; exit 3)$?"
p ~root ~/x "~"
p 'single $s' "double \$s \"q\" \\" back\ slash
touch a.c b.c .hidden 'sp ace' '[x]' 'q?'; p *.c; p *; p .h*; p [ab].c; p [!a].c; p '*'; p none*; p "[x]" \[x\]; p q\?
mkdir -p d/e/f; touch d/1 d/e/2; p d/*; p */*; p d/*/*
case abc in a?c) echo one;; *) echo other;; esac
case 'a*' in 'a*') echo literal;; esac
case x in [!a-m]) echo range;; esac
a=1 b=2; a=$b b=$a; p $a $b
x='$(echo no)'; p "$x"; eval "p $x"
p ${path%/*/*}
n=s; eval "p \"\$$n\""
p "${s%"${s#?}"}"
p a{b,c} | head -c 4; echo
