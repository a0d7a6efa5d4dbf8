# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# A machine in QEMU, without KVM, whose console is printed and whose end is a result: what run-native and
# run-xen share. Sourced after lib.sh, never run.
#
# The guest says its result by the debug-exit port 0xf4 or by a line `afterburn-result: N` on its console.

timeout=300 stats='' # seconds; where to write what QEMU used of them
console=''           # the file it is written to: a temporary one unless it is set before
qemu_pid='' reader_pid='' work=''

# The time-stamp counter advances by one per retired instruction, and nothing takes any other time.
QEMU_ICOUNT=(-icount "shift=0,sleep=off" -rtc "base=2026-01-01T00:00:00,clock=vm")

note() {
	printf '%s: %s\n' "$AB_PROG" "$*" >&2
}

check_timeout() {
	[[ $timeout =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout needs seconds, not '$timeout'"
}

# prepare_qemu PROGRAM: a directory for what belongs to the machine, and that nothing is left of it.
prepare_qemu() {
	type "$1" >/dev/null 2>&1 || { note "no $1 (Debian: apt-get install qemu-system-x86)"; exit 126; }
	work=$(mktemp -d)
	console=${console:-$work/console}
	trap stop_all EXIT
	trap 'exit 130' INT TERM
}

# shellcheck disable=SC2317 # reached by the EXIT trap
stop_all() {
	[[ ! $qemu_pid ]] || kill "$qemu_pid" 2>/dev/null || true
	[[ ! $reader_pid ]] || kill "$reader_pid" 2>/dev/null || true
	rm -rf "$work"
}

# start_qemu PROGRAM OPTION...: of the machine only what is said here and there.
# The console goes to a file: a pipe that fills up would change the guest's
# timing, and with it the instruction count.
start_qemu() {
	: >"$console"
	"$@" -accel tcg -nodefaults -display none -no-reboot \
		-device "isa-debug-exit,iobase=0xf4,iosize=0x04" \
		-chardev "file,id=console,path=${console//,/,,}" -serial chardev:console \
		</dev/null >"$work/qemu.log" 2>&1 &
	qemu_pid=$!
}

# print_console FILTER...: while it is written, through a command that keeps no line back.
print_console() {
	tail -n +1 -s 0.1 --pid="$qemu_pid" -f "$console" 2>/dev/null | "$@" &
	reader_pid=$!
}

# Whether nothing comes any more although QEMU runs: a script may know better.
is_over() {
	false
}

end_qemu() {
	kill "$qemu_pid" 2>/dev/null || true
	wait "$qemu_pid" || true
	qemu_pid=''
}

# Its exit status, 124 when time is up, 0 when it is over.
wait_for_qemu() {
	local deadline=$((SECONDS + timeout)) status=0
	while [[ $qemu_pid ]] && kill -0 "$qemu_pid" 2>/dev/null; do
		[[ ! $stats ]] || processor_seconds >"$work/seconds" 2>/dev/null || true
		if is_over; then
			end_qemu
		elif ((SECONDS >= deadline)); then
			note "time is up after $timeout s"
			end_qemu
			status=124
		fi
		sleep 0.1
	done
	[[ ! $qemu_pid ]] || wait "$qemu_pid" || status=$?
	qemu_pid=''
	wait "$reader_pid" || true
	reader_pid=''
	[[ ! $stats || ! -s $work/seconds ]] || cp "$work/seconds" "$stats"
	return $status
}

processor_seconds() {
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f\n", ($14 + $15) / hz }' "/proc/$qemu_pid/stat"
}

# The result of the guest's last line about it; fails without one.
told_result() {
	local line
	line=$(grep -a -o '^afterburn-result: [0-9]*' "$console" | tail -n 1) || return
	printf '%s\n' "${line##* }"
}

# port_result STATUS: isa-debug-exit makes 2 N + 1 of the value N.
port_result() {
	if (($1 % 2 == 1)) && ! grep -v 'warning:' "$work/qemu.log" | grep -q qemu-system; then
		return $(($1 / 2))
	fi
	cat "$work/qemu.log" >&2
	note "QEMU failed (exit status $1)"
	return 126
}
