mov % cr0 , % rax
mov %fs:(%rbx),%eax
mov %eax,%gs:8
movq %xmm0,%rax
mov foo(,%rbx,8),%ds
mov %ds,foo+4*(2-1)(%rip)
jmp *%rax
lcall *(%rax)
int $0x80
int $3
int3
in (%dx),%al
