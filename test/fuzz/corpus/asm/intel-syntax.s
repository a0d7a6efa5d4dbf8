.intel_syntax noprefix
mov rax, cr0
mov cr0, rax
mov ds, ax
mov eax, fs:[rbx]
in al, 0x60
out dx, al
jmp fword ptr [rbx]
popfq
.intel_syntax prefix
mov %rax, %cr3
.att_syntax
mov %cr3, %rax
