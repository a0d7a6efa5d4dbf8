# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The same vmlinux on machines of several kinds, with the same init: what `demo --xen` and
# test/xen/same-file share. Sourced after lib.sh, never run. Of a machine there are afterwards,
# in the directory `machines`: NAME.console, .err, .status (its exit code), .seconds, .results.

machines=.           # where
machines_timeout=300 # seconds, for each

# Xen of QEMU's processor cannot make cpuid fault in programs, which see the host's.
machines_skip='^result: cpuid in programs skipped'

result_lines() { # result_lines CONSOLE
	tr -d '\r' <"$1" | grep -a '^result: ' || true
}

# machine NAME COMMAND...: how it ended is its exit code.
machine() {
	local out=$machines/$1 code=0 start=$SECONDS
	shift
	"$@" >"$out.console" 2>"$out.err" </dev/null || code=$?
	printf '%s\n' "$code" >"$out.status"
	printf '%s\n' $((SECONDS - start)) >"$out.seconds"
	result_lines "$out.console" >"$out.results"
	return "$code"
}

machine_bare() { # machine_bare NAME VMLINUX INITRD
	machine "$1" "$AB_ROOT/scripts/run-native" --timeout "$machines_timeout" "$2" "$3"
}

machine_process() { # machine_process NAME AFTERBURN VMLINUX INITRD
	machine "$1" timeout -k 1 "$machines_timeout" "$2" run "${AB_ISOLATION[@]}" --no-input --initrd "$4" "$3"
}

machine_dom0() { # machine_dom0 NAME IMAGE
	machine "$1" "$AB_ROOT/scripts/run-xen" --timeout "$machines_timeout" "$2"
}

# same_results NAME OTHER: the same lines, but for what one of them had to skip; else their difference.
same_results() {
	diff <(grep -v "$machines_skip" "$machines/$1.results") <(grep -v "$machines_skip" "$machines/$2.results")
}

machine_skipped() { # machine_skipped NAME: something, and says it
	grep "$machines_skip" "$machines/$1.results"
}
