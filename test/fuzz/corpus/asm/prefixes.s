rep; insb
rep
outsl
rep/insb
rep ; rep insl
cs cli
data16 pushf
addr32 rep insb
rex.w sysret
{disp32} mov %ds,8(%rbx)
lock; addl $1,(%rax)
rep; nop
rep;1: insb
rep;.align 4;insb
rep
