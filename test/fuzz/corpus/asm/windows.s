sti; nop; cli
sti
nop
cli
sti; nop; nop; cli
sti; nop; 1: cli
sti; nop
sti;rep;nop;cli
