.macro m op:req, more:vararg
1: \op \more
.endm
m rdmsr
m wrmsr
m nop
m op=cpuid
m mov %cr0,%rax
m "sti; hlt"
m "in %dx,%al"
