.macro swapgs
nop
.endm
swapgs
.purgem swapgs
swapgs
.macro cli; nop; .endm
cli
