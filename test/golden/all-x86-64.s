# SPDX-License-Identifier: BSD-2-Clause
# Every sensitive instruction that gas 2.40 knows, in every spelling it takes in 64-bit code:
# each statement behind the first label is one site of x86.rules. as --64 assembles all.
	.text
all:

# interrupt flag
	cli
	sti
	pushf
	pushfw
	pushfq
	popf
	popfw
	popfq
	clui
	stui

# control and debug registers
	mov %cr0,%rcx
	mov %rcx,%cr0
	movq %cr0,%rcx
	movq %rcx,%cr0
	mov %cr2,%rcx
	mov %rcx,%cr2
	movq %cr2,%rcx
	movq %rcx,%cr2
	mov %cr3,%rcx
	mov %rcx,%cr3
	movq %cr3,%rcx
	movq %rcx,%cr3
	mov %cr4,%rcx
	mov %rcx,%cr4
	movq %cr4,%rcx
	movq %rcx,%cr4
	mov %cr8,%rcx
	mov %rcx,%cr8
	movq %cr8,%rcx
	movq %rcx,%cr8
	mov %db0,%rcx
	mov %rcx,%db0
	movq %db0,%rcx
	movq %rcx,%db0
	mov %dr0,%rcx
	mov %rcx,%dr0
	movq %dr0,%rcx
	movq %rcx,%dr0
	mov %dr3,%rcx
	mov %rcx,%dr3
	movq %dr3,%rcx
	movq %rcx,%dr3
	mov %db6,%rcx
	mov %rcx,%db6
	movq %db6,%rcx
	movq %rcx,%db6
	mov %dr6,%rcx
	mov %rcx,%dr6
	movq %dr6,%rcx
	movq %rcx,%dr6
	mov %dr7,%rcx
	mov %rcx,%dr7
	movq %dr7,%rcx
	movq %rcx,%dr7
	mov %db7,%rcx
	mov %rcx,%db7
	movq %db7,%rcx
	movq %rcx,%db7
	clts
	lmsw %cx
	lmsw (%rbx)
	lmsww %cx
	lmsww (%rbx)
	smsw %cx
	smsw %ecx
	smsw %rcx
	smsw (%rbx)
	smsww %cx
	smsww (%rbx)
	smswl %ecx
	smswq %rcx
	xgetbv
	xsetbv

# descriptor tables
	lgdt (%rbx)
	lgdt sym
	lgdt 8(%rsp)
	lgdtq (%rbx)
	lgdtq sym
	lgdtq 8(%rsp)
	lidt (%rbx)
	lidt sym
	lidt 8(%rsp)
	lidtq (%rbx)
	lidtq sym
	lidtq 8(%rsp)
	sgdt (%rbx)
	sgdt sym
	sgdt 8(%rsp)
	sgdtq (%rbx)
	sgdtq sym
	sgdtq 8(%rsp)
	sidt (%rbx)
	sidt sym
	sidt 8(%rsp)
	sidtq (%rbx)
	sidtq sym
	sidtq 8(%rsp)
	lldt %cx
	lldt (%rbx)
	lldtw %cx
	lldtw (%rbx)
	ltr %cx
	ltr (%rbx)
	ltrw %cx
	ltrw (%rbx)
	sldt %cx
	sldt %ecx
	sldt %rcx
	sldt (%rbx)
	sldtw %cx
	sldtw (%rbx)
	sldtl %ecx
	sldtq %rcx
	str %cx
	str %ecx
	str %rcx
	str (%rbx)
	strw %cx
	strw (%rbx)
	strl %ecx
	strq %rcx
	lar %cx,%cx
	lar %cx,%ecx
	lar %cx,%rcx
	lar %ecx,%ecx
	lar %rcx,%rcx
	lar (%rbx),%cx
	lar (%rbx),%ecx
	lar (%rbx),%rcx
	larw %cx,%cx
	larw (%rbx),%cx
	larl %cx,%ecx
	larl %ecx,%ecx
	larl (%rbx),%ecx
	larq %cx,%rcx
	larq %rcx,%rcx
	larq (%rbx),%rcx
	lsl %cx,%cx
	lsl %cx,%ecx
	lsl %cx,%rcx
	lsl %ecx,%ecx
	lsl %rcx,%rcx
	lsl (%rbx),%cx
	lsl (%rbx),%ecx
	lsl (%rbx),%rcx
	lslw %cx,%cx
	lslw (%rbx),%cx
	lsll %cx,%ecx
	lsll %ecx,%ecx
	lsll (%rbx),%ecx
	lslq %cx,%rcx
	lslq %rcx,%rcx
	lslq (%rbx),%rcx
	verr %cx
	verr (%rbx)
	verrw %cx
	verrw (%rbx)
	verw %cx
	verw (%rbx)
	verww %cx
	verww (%rbx)

# segment registers
	mov %es,%cx
	mov %es,%ecx
	mov %es,%rcx
	mov %es,(%rbx)
	mov %cx,%es
	mov %ecx,%es
	mov %rcx,%es
	mov (%rbx),%es
	movw %es,%cx
	movw %es,(%rbx)
	movw %cx,%es
	movw (%rbx),%es
	movl %es,%ecx
	movl %ecx,%es
	movq %es,%rcx
	movq %rcx,%es
	mov %cs,%cx
	mov %cs,%ecx
	mov %cs,%rcx
	mov %cs,(%rbx)
	movw %cs,%cx
	movw %cs,(%rbx)
	movl %cs,%ecx
	movq %cs,%rcx
	mov %ss,%cx
	mov %ss,%ecx
	mov %ss,%rcx
	mov %ss,(%rbx)
	mov %cx,%ss
	mov %ecx,%ss
	mov %rcx,%ss
	mov (%rbx),%ss
	movw %ss,%cx
	movw %ss,(%rbx)
	movw %cx,%ss
	movw (%rbx),%ss
	movl %ss,%ecx
	movl %ecx,%ss
	movq %ss,%rcx
	movq %rcx,%ss
	mov %ds,%cx
	mov %ds,%ecx
	mov %ds,%rcx
	mov %ds,(%rbx)
	mov %cx,%ds
	mov %ecx,%ds
	mov %rcx,%ds
	mov (%rbx),%ds
	movw %ds,%cx
	movw %ds,(%rbx)
	movw %cx,%ds
	movw (%rbx),%ds
	movl %ds,%ecx
	movl %ecx,%ds
	movq %ds,%rcx
	movq %rcx,%ds
	mov %fs,%cx
	mov %fs,%ecx
	mov %fs,%rcx
	mov %fs,(%rbx)
	mov %cx,%fs
	mov %ecx,%fs
	mov %rcx,%fs
	mov (%rbx),%fs
	movw %fs,%cx
	movw %fs,(%rbx)
	movw %cx,%fs
	movw (%rbx),%fs
	movl %fs,%ecx
	movl %ecx,%fs
	movq %fs,%rcx
	movq %rcx,%fs
	mov %gs,%cx
	mov %gs,%ecx
	mov %gs,%rcx
	mov %gs,(%rbx)
	mov %cx,%gs
	mov %ecx,%gs
	mov %rcx,%gs
	mov (%rbx),%gs
	movw %gs,%cx
	movw %gs,(%rbx)
	movw %cx,%gs
	movw (%rbx),%gs
	movl %gs,%ecx
	movl %ecx,%gs
	movq %gs,%rcx
	movq %rcx,%gs
	movw %ds,8(%rsp)
	mov 8(%rsp),%ds
	mov sym,%fs
	mov %gs,sym
	push %fs
	push %gs
	pushw %fs
	pushw %gs
	pushq %fs
	pushq %gs
	pop %fs
	pop %gs
	popw %fs
	popw %gs
	popq %fs
	popq %gs
	lfs (%rbx),%cx
	lfs (%rbx),%ecx
	lfsw (%rbx),%cx
	lfsl (%rbx),%ecx
	lgs (%rbx),%cx
	lgs (%rbx),%ecx
	lgsw (%rbx),%cx
	lgsl (%rbx),%ecx
	lss (%rbx),%cx
	lss (%rbx),%ecx
	lssw (%rbx),%cx
	lssl (%rbx),%ecx
	swapgs
	rdfsbase %ecx
	rdfsbase %rcx
	rdgsbase %ecx
	rdgsbase %rcx
	wrfsbase %ecx
	wrfsbase %rcx
	wrgsbase %ecx
	wrgsbase %rcx

# control transfers
	iret
	iretw
	iretl
	iretq
	lret
	lret $4
	lretw
	lretw $4
	lretl
	lretl $4
	lretq
	lretq $4
	retf
	retf $4
	retfw
	retfw $4
	retfl
	retfl $4
	retfq
	retfq $4
	ljmp *(%rbx)
	ljmp *sym
	ljmp (%rbx)
	ljmpw *(%rbx)
	ljmpw *sym
	ljmpw (%rbx)
	ljmpl *(%rbx)
	ljmpl *sym
	ljmpl (%rbx)
	lcall *(%rbx)
	lcall *sym
	lcall (%rbx)
	lcallw *(%rbx)
	lcallw *sym
	lcallw (%rbx)
	lcalll *(%rbx)
	lcalll *sym
	lcalll (%rbx)
	int $0x80
	int $0
	int $4
	syscall
	sysenter
	sysret
	sysretl
	sysretq
	rex.w sysret
	sysexit
	sysexitl
	sysexitq
	uiret
	rsm

# port input and output
	in $0x60,%al
	in $0x60,%ax
	in $0x60,%eax
	in (%dx),%al
	in %dx,%al
	in %dx,%ax
	in %dx,%eax
	in %dx
	in (%dx)
	in $0x60
	inb $0x60
	inw $0x60
	inl $0x60
	inb %dx
	inw %dx
	inl %dx
	inb (%dx)
	inb %dx,%al
	inw %dx,%ax
	inl %dx,%eax
	inb (%dx),%al
	inw (%dx),%ax
	inl (%dx),%eax
	out %al,$0x60
	out %ax,$0x60
	out %eax,$0x60
	out %al,(%dx)
	out %al,%dx
	out %ax,%dx
	out %eax,%dx
	out %dx
	out (%dx)
	out $0x60
	outb $0x60
	outw $0x60
	outl $0x60
	outb %dx
	outw %dx
	outl %dx
	outb (%dx)
	outb %al,%dx
	outw %ax,%dx
	outl %eax,%dx
	outb %al,(%dx)
	outw %ax,(%dx)
	outl %eax,(%dx)
	insb
	insb (%dx),%es:(%rdi)
	insb %dx,(%rdi)
	insw
	insw (%dx),%es:(%rdi)
	insw %dx,(%rdi)
	insl
	insl (%dx),%es:(%rdi)
	insl %dx,(%rdi)
	rep insb
	rep insb (%dx),%es:(%rdi)
	rep insb %dx,(%rdi)
	rep insw
	rep insw (%dx),%es:(%rdi)
	rep insw %dx,(%rdi)
	rep insl
	rep insl (%dx),%es:(%rdi)
	rep insl %dx,(%rdi)
	outsb
	outsb (%rsi),(%dx)
	outsb %fs:(%rsi),%dx
	outsw
	outsw (%rsi),(%dx)
	outsw %fs:(%rsi),%dx
	outsl
	outsl (%rsi),(%dx)
	outsl %fs:(%rsi),%dx
	rep outsb
	rep outsb (%rsi),(%dx)
	rep outsb %fs:(%rsi),%dx
	rep outsw
	rep outsw (%rsi),(%dx)
	rep outsw %fs:(%rsi),%dx
	rep outsl
	rep outsl (%rsi),(%dx)
	rep outsl %fs:(%rsi),%dx
	repe outsb
	repe outsb (%rsi),(%dx)
	repe outsb %fs:(%rsi),%dx
	repe outsw
	repe outsw (%rsi),(%dx)
	repe outsw %fs:(%rsi),%dx
	repe outsl
	repe outsl (%rsi),(%dx)
	repe outsl %fs:(%rsi),%dx
	repne outsb
	repne outsb (%rsi),(%dx)
	repne outsb %fs:(%rsi),%dx
	repne outsw
	repne outsw (%rsi),(%dx)
	repne outsw %fs:(%rsi),%dx
	repne outsl
	repne outsl (%rsi),(%dx)
	repne outsl %fs:(%rsi),%dx

# model-specific registers, counters, identification
	rdmsr
	rdmsrlist
	wrmsr
	wrmsrns
	wrmsrlist
	rdtsc
	rdtscp
	rdpmc
	rdpru
	rdpid %rcx
	cpuid
	hreset $1
	pconfig

# address translation and caches
	invlpg (%rbx)
	invlpg sym
	invlpg 8(%rsp)
	invpcid (%rbx),%rcx
	invd
	wbinvd
	wbnoinvd
	invlpgb
	invlpgb %eax,%ecx,%edx
	invlpgb %rax,%ecx,%edx
	tlbsync
	serialize

# idle
	hlt
	monitor
	monitor %rax,%ecx,%edx
	monitor %rax,%rcx,%rdx
	monitorx
	monitorx %rax,%ecx,%edx
	umonitor %ecx
	umonitor %rcx
	mwait
	mwait %eax,%ecx
	mwait %rax,%rcx
	mwaitx
	mwaitx %eax,%ecx,%ebx
	mwaitx %rax,%rcx,%rbx
	umwait %ecx
	umwait %ecx,%edx,%eax
	tpause %ecx
	tpause %ecx,%edx,%eax

# protection keys, supervisor state
	clac
	stac
	rdpkru
	wrpkru
	xsaves (%rbx)
	xsaves64 (%rbx)
	xrstors (%rbx)
	xrstor (%rbx)
	xrstors64 (%rbx)
	xrstor64 (%rbx)
	clrssbsy (%rbx)
	setssbsy
	wrussd %ecx,(%rbx)
	wrussq %rcx,(%rbx)
	loadiwkey %xmm1,%xmm2
	enqcmds (%rbx),%rcx

# virtual machines and enclaves
	vmcall
	vmmcall
	vmgexit
	vmlaunch
	vmresume
	vmxoff
	vmfunc
	vmxon (%rbx)
	vmclear (%rbx)
	vmptrld (%rbx)
	vmptrst (%rbx)
	vmread %rcx,%rdx
	vmread %rcx,(%rbx)
	vmreadq %rcx,%rdx
	vmreadq %rcx,(%rbx)
	vmwrite %rdx,%rcx
	vmwrite (%rbx),%rcx
	vmwriteq %rdx,%rcx
	vmwriteq (%rbx),%rcx
	invept (%rbx),%rcx
	invvpid (%rbx),%rcx
	clgi
	stgi
	vmrun
	vmrun %rax
	vmload
	vmload %rax
	vmsave
	vmsave %rax
	skinit
	skinit %eax
	invlpga
	invlpga %rax,%ecx
	pvalidate
	pvalidate %rax,%ecx,%edx
	psmash
	psmash %rax
	rmpupdate
	rmpupdate %rax,%rcx
	rmpadjust
	rmpadjust %rax,%rcx,%rdx
	rmpquery
	rmpquery %rax,%rcx,%rdx
	tdcall
	seamcall
	seamops
	seamret
	encls
	enclv
	getsec

# Intel syntax
	.intel_syntax noprefix
	cli
	sti
	pushf
	pushfw
	pushfq
	popf
	popfw
	popfq
	mov cr0,rcx
	mov rcx,cr0
	mov cr8,rcx
	mov rcx,cr8
	mov dr7,rcx
	mov rcx,dr7
	lgdt [rbx]
	lgdt tbyte ptr [rbx]
	lgdtq [rbx]
	sidt [rbx]
	lidt [rbx]
	sgdt [rbx]
	lldt cx
	lldt word ptr [rbx]
	ltrw cx
	sldt ecx
	sldtd ecx
	str ecx
	strd ecx
	smsw ecx
	smswd ecx
	lmsw cx
	lar ecx,edx
	lard ecx,edx
	lsl ecx,edx
	lsl ecx,word ptr [rbx]
	verr cx
	verw word ptr [rbx]
	mov es,ax
	mov es,eax
	movd es,eax
	movw es,ax
	mov ax,es
	mov eax,es
	mov word ptr [rbx],es
	mov es,word ptr [rbx]
	mov es,[rbx]
	mov [rbx],es
	mov ax,cs
	mov eax,cs
	mov word ptr [rbx],cs
	mov [rbx],cs
	mov ss,ax
	mov ss,eax
	movd ss,eax
	movw ss,ax
	mov ax,ss
	mov eax,ss
	mov word ptr [rbx],ss
	mov ss,word ptr [rbx]
	mov ss,[rbx]
	mov [rbx],ss
	mov ds,ax
	mov ds,eax
	movd ds,eax
	movw ds,ax
	mov ax,ds
	mov eax,ds
	mov word ptr [rbx],ds
	mov ds,word ptr [rbx]
	mov ds,[rbx]
	mov [rbx],ds
	mov fs,ax
	mov fs,eax
	movd fs,eax
	movw fs,ax
	mov ax,fs
	mov eax,fs
	mov word ptr [rbx],fs
	mov fs,word ptr [rbx]
	mov fs,[rbx]
	mov [rbx],fs
	push fs
	pushw fs
	pushq fs
	pop fs
	popw fs
	popq fs
	mov gs,ax
	mov gs,eax
	movd gs,eax
	movw gs,ax
	mov ax,gs
	mov eax,gs
	mov word ptr [rbx],gs
	mov gs,word ptr [rbx]
	mov gs,[rbx]
	mov [rbx],gs
	push gs
	pushw gs
	pushq gs
	pop gs
	popw gs
	popq gs
	lfs ecx,fword ptr [rbx]
	lfs cx,dword ptr [rbx]
	lfsd ecx,[rbx]
	lgs ecx,fword ptr [rbx]
	lgs cx,dword ptr [rbx]
	lgsd ecx,[rbx]
	lss ecx,fword ptr [rbx]
	lss cx,dword ptr [rbx]
	lssd ecx,[rbx]
	swapgs
	rdfsbase ecx
	wrgsbase rcx
	iret
	iretw
	iretd
	iretq
	retf
	retf 4
	retfw
	retfw 4
	retfd
	retfd 4
	retfq
	retfq 4
	lret
	lretw
	lretd
	lretq
	ljmp [rbx]
	ljmpd [rbx]
	lcall [rbx]
	lcalld [rbx]
	jmp far ptr [rbx]
	jmp fword ptr [rbx]
	call far ptr [rbx]
	call fword ptr [rbx]
	jmp dword ptr [rbx]
	call dword ptr [rbx]
	int 0x80
	syscall
	sysenter
	sysretd
	sysretq
	sysexitd
	sysexitq
	rsm
	in al,0x60
	in al,dx
	in ax,dx
	in eax,dx
	ind eax,dx
	inb al,dx
	out 0x60,al
	out dx,al
	out dx,ax
	out dx,eax
	outd dx,eax
	insb
	insw
	insd
	outsb
	outsw
	outsd
	rep insb
	rep outsd
	ins byte ptr es:[rdi],dx
	ins dword ptr [rdi],dx
	outs dx,byte ptr [rsi]
	outs dx,word ptr fs:[rsi]
	rdmsr
	wrmsr
	rdtsc
	cpuid
	rdpid rcx
	invlpg [rbx]
	invpcid rcx,[rbx]
	hlt
	monitor
	mwait
	monitor rax,ecx,edx
	tpause ecx
	clac
	stac
	xsaves [rbx]
	xrstors [rbx]
	xrstor [rbx]
	vmcall
	vmread [rbx],rcx
	vmwrite rcx,[rbx]
	invept rcx,[rbx]
	.intel_syntax prefix
	mov %ds,%ax
	mov %ax,%ds
	mov %cr0,%rcx
	mov %rcx,%cr0
	mov %ss,%ax
	push %fs
	pop %fs
	in %al,%dx
	out %dx,%al
	lar %ecx,%edx
	.att_syntax prefix

# raw bytes
	.byte 0x0f,0x01,0xc8
	.byte 0x0f, 0x01, 0xc9
	.byte 0x0f,0x01,0xca
	.byte 0x0f,0x01,0xcb
	.byte 0xf,0x1,0xe8
	.byte 0x0f,0x01,0xee
	.byte 0x0f,0x01,0xef
	.byte 0x0f,0x01,0xfa
	.byte 0x0f,0x01,0xfb
	.byte 0x0f,0x01,0xfe
	.byte 0x0f,0x01,0xff
	.byte 0x0f,0x01,0xd0
	.byte 0x0f,0x01,0xd1
	.byte 0x0f,0x01,0xf9
	.byte 0x0f,0x01,0xfd
	.byte 0x0f,0x01,0xc1
	.byte 0x0f,0x01,0xc2
	.byte 0x0f,0x01,0xc4
	.byte 0x0f,0x01,0xc5
	.byte 0x0f,0x01,0xc6
	.byte 0x0f,0x01,0xd4
	.byte 0x0f,0x01,0xd8
	.byte 0x0f,0x01,0xd9
	.byte 0xf3,0x0f,0x01,0xd9
	.byte 0x0f,0x01,0xdc
	.byte 0x0f,0x01,0xdf
	.byte 0x0f,0x01,0xc0
	.byte 0x0f,0x01,0xcf
	.byte 0xF3,0x0F,0x01,0xE8
	.byte 0xf3,0x0f,0xc7,0xf8
	.byte 0xf3,0x0f,0xae,0xf1
	.byte 0x66,0x0f,0xae,0xf1
	.byte 0xf2,0x0f,0xae,0xf1
	.byte 0xf3,0x0f,0x38,0xf8,0x02
	.byte 0xf3,0x0f,0x38,0xf8,0x02,0x66,0x90
	.byte 0x0f,0xc7,0x2f
	.byte 0x0f,0xc7,0x1f
	.byte 0x0f,0xae,0x2f
	.byte 0x66,0x0f,0x38,0x82,0x01
	.byte 0x66,0x0f,0x38,0x82,0x08
	.byte 0xf3,0x0f,0x09
	.byte 0xF3,0x0F,0x01,0xFE
	.byte 0xF2,0x0F,0x01,0xFF
	.byte 0xf2,0x0f,0x01,0xfe
	.byte 0xf3,0x0f,0x01,0xff
	.byte 0x48,0x0f,0xc7,0x2f
	.byte 0x48,0x0f,0xc7,0x1f
	.byte 0x48,0x0f,0xae,0x2f
	.byte 0x0f,0x01,0xf8
	.byte 0xf2,0x0f,0x00,0xf7
	.byte 0xf2,0x0f,0x01,0xca
	.byte 0xf3,0x0f,0x01,0xca
	.byte 0xf3,0x0f,0x01,0xec
	.byte 0x66,0x0f,0x01,0xcc
	.byte 0x66,0x0f,0x01,0xcf

# any case
	CLI
	HLT
	Sti
	MOV %CR0,%RAX
	MovW %Ds,%aX
	RDMSR
	.BYTE 0X0F,0X01,0XCA
	.byte 0xcd,0x80
