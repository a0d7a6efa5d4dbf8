.data
cli
.text
.section .init.text,"ax"
cli
.previous
.pushsection .rodata
sti
.popsection
.section .altinstr_replacement,"ax"
clac
.text 1
hlt
.subsection 0
hlt
.section "quo ted","ax",@progbits
cli
.section .x,""
cli
.popsection
