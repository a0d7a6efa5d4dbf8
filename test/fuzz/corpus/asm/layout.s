a: cli
b: .skip 32-(b-a)
.org a+64
sti
.fill 16-(.-a),1,0x90
.if (b-a)>1
nop
.endif
jmp a
