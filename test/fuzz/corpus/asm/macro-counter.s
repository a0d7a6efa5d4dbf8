.macro m
.Lx\@: cli
jmp .Lx\@
.endm
m
m
.altmacro
.macro n
local l
l: sti
.endm
n
.noaltmacro
