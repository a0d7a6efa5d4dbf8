# A breakpoint with a condition, registers read and written, single steps, a call.
set pagination off
set confirm off
break square if n == 3
run
backtrace
set $before = $rax
set $rax = 42
info registers rax
set $rax = $before
set $steps = 0
while $steps < 25
	stepi
	set $steps = $steps + 1
end
printf "stepped %d\n", $steps
continue
