#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print the journey of one sensitive instruction, from the `.s` line to what
# runs in its place: every comment that opens with a chapter tag (a slash, a
# star, an at sign and three digits), in order.
#
# usage: scripts/story.sh [-l]     -l: titles only
cd "$(dirname "$0")/.." || exit 1
grep -rnE --include='*.[chS]' '^/\*@[0-9]{3} ' asrewrite rules vmm backends dp83820 2>/dev/null |
	sed -E 's#^([^:]+):([0-9]+):/\*@([0-9]{3}) (.*)$#\3\t\1\t\2\t\4#' | sort |
	while IFS="$(printf '\t')" read -r chapter file line title; do
		printf '%s  %s  (%s:%s)\n' "$chapter" "$title" "$file" "$line"
		[ "$1" = -l ] && continue
		# the comment's body, without its stars
		sed -n "$((line + 1)),/\*\//{s#^ \*/\$##;s#^ \* \{0,1\}#    #;s#\*/\$##;p;}" "$file"
	done
