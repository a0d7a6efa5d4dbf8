# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# What the scripts here and the tests that run machines share; sourced, never run.

AB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
AB_PROG=$(basename "$0")

# AFTERBURN_ISOLATION=keys|processes|none: for all machines that a script or test starts; else
# as `afterburn run` chooses on this host, which is AB_ISOLATED_BY.
AB_ISOLATION=()
if [[ ${AFTERBURN_ISOLATION:-} ]]; then
	AB_ISOLATION=(--isolation="$AFTERBURN_ISOLATION") AB_ISOLATED_BY=$AFTERBURN_ISOLATION
elif grep -qsw ospke /proc/cpuinfo; then
	AB_ISOLATED_BY=keys
else
	AB_ISOLATED_BY=processes
fi

die() {
	printf '%s: %s\n' "$AB_PROG" "$*" >&2
	exit 1
}

# Wrong command line: 2, as everywhere in this project.
usage_error() {
	printf "%s: %s (try '%s --help')\n" "$AB_PROG" "$*" "$AB_PROG" >&2
	exit 2
}

# The comment block at the top of a script is its --help.
print_help() {
	sed -n '/^# Usage:/,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# need_value OPTION COUNT: COUNT is $#, the option included.
need_value() {
	[[ $2 -ge 2 ]] || usage_error "$1 needs a value"
}

check_arch() {
	case $1 in
	x86_64 | i386) ;;
	'') usage_error "--arch x86_64 or --arch i386 is required" ;;
	*) usage_error "unknown architecture '$1'" ;;
	esac
}

# Hash of the arguments and of standard input, short enough for a file name.
short_hash() {
	{ printf '%s\0' "$@"; cat; } | sha256sum | cut -c1-12
}
