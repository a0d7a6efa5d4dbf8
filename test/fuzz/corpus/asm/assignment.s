cli=5
sti = 6
hlt	=	7
mov $cli, %eax
.set pushf, 1
cli==5
rdmsr = cli + sti
