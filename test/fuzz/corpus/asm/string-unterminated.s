cli
.ascii "never closed
sti
