#!/bin/sh
# A single argument, which no shell has read.
[ "$2" = '$HOME; echo x' ] || exit 9
cat "$1.txt"
echo 'not a secret' >&2
