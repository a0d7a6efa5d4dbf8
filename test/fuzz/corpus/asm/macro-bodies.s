.macro m reg
pushf
pop \reg
cli
.endm
m %rax
m reg=%rbx
.macro outer
.macro inner
hlt
.endm
inner
.endm
outer
