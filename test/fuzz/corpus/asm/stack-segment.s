mov %eax,%ss
1: mov %ecx,%ss
name: mov %dx,%ss
lss (%rbx),%ecx
movw (%rax),%ss
