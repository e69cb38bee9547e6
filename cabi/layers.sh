#!/bin/sh
# Prints the layers of a set of object files, the lowest last: each object depends on objects of
# lower layers alone.
# Fails if objects depend on each other in a circle. An object depends on another if it refers to a
# symbol that the other defines.
#
#     sh layers.sh NM OBJECT...
set -eu
nm=$1
shift

# Pairs of objects, the first of which depends on the second. Each object is also paired with
# itself, so that tsort lists it.
pairs=$("$nm" -A -P -g "$@" 2>/dev/null | awk '
    { gsub(/.*\/|\.o:$/, "", $1); print $1, $1 }
    $3 ~ /^[Uwv]$/ { user[NR] = $1; symbol[NR] = $2; next } # undefined
    { definer[$2] = $1 }
    END { for (i in user) if (symbol[i] in definer) print user[i], definer[symbol[i]] }' | sort -u)
[ -n "$pairs" ] || { echo "layers: $nm finds no symbols in: $*" >&2; exit 1; }

sorted=$(echo "$pairs" | tsort) || {
    echo "layers: objects depend on each other in a circle; nm -g lists their symbols" >&2
    exit 1
}

# tsort puts each object before those that it depends on.
{ echo "$pairs"; echo "$sorted"; } | awk '
    NF == 2 { if ($1 != $2) needs[$1] = needs[$1] " " $2; next }
    { order[++n] = $1 }
    END {
        for (i = n; i > 0; i--) {
            layer = 0
            for (k = split(needs[order[i]], below); k > 0; k--)
                if (of[below[k]] >= layer) layer = of[below[k]] + 1
            of[order[i]] = layer
            names[layer] = names[layer] " " order[i]
            if (layer > top) top = layer
        }
        for (; top >= 0; top--) print top ":" names[top]
    }'
