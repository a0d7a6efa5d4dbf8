sti; hlt
sti
hlt
sti; .byte 0x0f,0x01,0xc9;
sti; mwait
sti; sysexitl
sti; 2: hlt
sti; ret
sti; sti; hlt
sti; .align 4; hlt
sti
