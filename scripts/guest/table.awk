# SPDX-License-Identifier: BSD-2-Clause
# table.csv of scripts/demo, one architecture of it, as Markdown tables.
# Fields: arch,table,"row",stock,afterburned,ratio,inplace; no field holds a quote, only row
# may hold a comma.

function split_row(line,    q) {
	split(line, q, "\"")
	table = q[1]
	sub(/^[^,]*,/, "", table)
	sub(/,$/, "", table)
	name = q[2]
	split(q[3], value, ",")
	stock = value[2]
	padded = value[3]
	inplace = value[5]
}

function heading(table) {
	if (table == "sites") {
		printf "\n## %s: sensitive instructions found and padded in vmlinux\n\n", arch
		printf "| %-26s | %12s |\n|%s|%s:|\n", "", "sites", dashes(28), dashes(13)
		return
	}
	if (table == "size")
		printf "\n## %s: size\n\n", arch
	else if (table == "boot") {
		printf "\n## %s: the same userland on bare (emulated) hardware and in a process\n\n", arch
		printf "| %-26s | %12s | %12s | %12s |\n", "", "stock, bare", "afterburned", "in place"
		printf "|%s|%s:|%s:|%s:|\n", dashes(28), dashes(13), dashes(13), dashes(13)
		return
	} else
		printf "\n## %s: instructions retired, kernel and user\n\n", arch
	printf "| %-26s | %12s | %12s | %9s |\n", "", "stock", "afterburned", "change"
	printf "|%s|%s:|%s:|%s:|\n", dashes(28), dashes(13), dashes(13), dashes(10)
}

function dashes(n,    s) {
	while (n-- > 0)
		s = s "-"
	return s
}

function change() {
	if (stock + 0 == 0)
		return ""
	return sprintf("%+.3f %%", (padded / stock - 1) * 100)
}

index($0, arch ",") == 1 {
	split_row($0)
	if (table != last)
		heading(table)
	last = table
	if (table == "sites")
		printf "| %-26s | %12s |\n", name, padded
	else if (table == "boot")
		printf "| %-26s | %12s | %12s | %12s |\n", name, stock, padded, inplace == "" ? "-" : inplace
	else
		printf "| %-26s | %12s | %12s | %9s |\n", name, stock, padded, change()
}
