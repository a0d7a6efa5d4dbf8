1: rdmsr
2:
.pushsection .fixup,"ax"
3: jmp 2b
.popsection
.pushsection __ex_table,"a"
.balign 4
.long 1b-.,3b-.
.popsection
771:772: wrmsr;773:
