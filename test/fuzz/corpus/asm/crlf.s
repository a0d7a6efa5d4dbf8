	cli
1:	rdmsr	# c
	sti; hlt
	rep
	insb
