#NO_APP
	cli
	mov %cr0,%rax
#APP
	sti # comment
	hlt
#NO_APP
	cli
