/ cli
/cli
mov $4/2, %eax
cli / 2
	/ hlt
cli // sti
