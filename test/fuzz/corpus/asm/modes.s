.code32
mov %eax,%cr0
ljmp $8,$x
.code16
lmsw %ax
.code16gcc
pushf
.code64
x: iretq
.code32
.section .y,"ax"
cli
