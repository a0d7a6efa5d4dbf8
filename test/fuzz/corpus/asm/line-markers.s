# 1 "x.c"
	.file "x.c"
# 7 "x.h" 1
cli
#7
sti
.line 3
hlt
.loc 1 2 3
rdmsr
