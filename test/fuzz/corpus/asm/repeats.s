.irp op, cli, sti
\op
.endr
.irpc n, 89
mov %db7,%r\n
.endr
.rept 2
invlpg (%rax)
.endr
.rept 0
hlt
.endr
.rept 2; cli; .endr
