# SPDX-License-Identifier: BSD-2-Clause
# Every sensitive instruction that gas 2.40 knows, in every spelling it takes in 16-bit code:
# each statement behind the first label is one site of x86.rules. as --32 assembles all.
	.text
	.code16
all:

# interrupt flag
	cli
	sti
	pushf
	pushfw
	pushfl
	popf
	popfw
	popfl

# control and debug registers
	mov %cr0,%ecx
	mov %ecx,%cr0
	movl %cr0,%ecx
	movl %ecx,%cr0
	mov %cr2,%ecx
	mov %ecx,%cr2
	movl %cr2,%ecx
	movl %ecx,%cr2
	mov %cr3,%ecx
	mov %ecx,%cr3
	movl %cr3,%ecx
	movl %ecx,%cr3
	mov %cr4,%ecx
	mov %ecx,%cr4
	movl %cr4,%ecx
	movl %ecx,%cr4
	mov %cr8,%ecx
	mov %ecx,%cr8
	movl %cr8,%ecx
	movl %ecx,%cr8
	mov %db0,%ecx
	mov %ecx,%db0
	movl %db0,%ecx
	movl %ecx,%db0
	mov %dr0,%ecx
	mov %ecx,%dr0
	movl %dr0,%ecx
	movl %ecx,%dr0
	mov %dr3,%ecx
	mov %ecx,%dr3
	movl %dr3,%ecx
	movl %ecx,%dr3
	mov %db6,%ecx
	mov %ecx,%db6
	movl %db6,%ecx
	movl %ecx,%db6
	mov %dr6,%ecx
	mov %ecx,%dr6
	movl %dr6,%ecx
	movl %ecx,%dr6
	mov %dr7,%ecx
	mov %ecx,%dr7
	movl %dr7,%ecx
	movl %ecx,%dr7
	mov %db7,%ecx
	mov %ecx,%db7
	movl %db7,%ecx
	movl %ecx,%db7
	mov %tr3,%ecx
	mov %ecx,%tr3
	movl %tr3,%ecx
	movl %ecx,%tr3
	mov %tr7,%ecx
	mov %ecx,%tr7
	movl %tr7,%ecx
	movl %ecx,%tr7
	clts
	lmsw %cx
	lmsw (%bx)
	lmsww %cx
	lmsww (%bx)
	smsw %cx
	smsw %ecx
	smsw (%bx)
	smsww %cx
	smsww (%bx)
	smswl %ecx
	xgetbv
	xsetbv

# descriptor tables
	lgdt (%bx)
	lgdt sym
	lgdt 8(%bp)
	lgdtw (%bx)
	lgdtw sym
	lgdtw 8(%bp)
	lgdtl (%bx)
	lgdtl sym
	lgdtl 8(%bp)
	lidt (%bx)
	lidt sym
	lidt 8(%bp)
	lidtw (%bx)
	lidtw sym
	lidtw 8(%bp)
	lidtl (%bx)
	lidtl sym
	lidtl 8(%bp)
	sgdt (%bx)
	sgdt sym
	sgdt 8(%bp)
	sgdtw (%bx)
	sgdtw sym
	sgdtw 8(%bp)
	sgdtl (%bx)
	sgdtl sym
	sgdtl 8(%bp)
	sidt (%bx)
	sidt sym
	sidt 8(%bp)
	sidtw (%bx)
	sidtw sym
	sidtw 8(%bp)
	sidtl (%bx)
	sidtl sym
	sidtl 8(%bp)
	lldt %cx
	lldt (%bx)
	lldtw %cx
	lldtw (%bx)
	ltr %cx
	ltr (%bx)
	ltrw %cx
	ltrw (%bx)
	sldt %cx
	sldt %ecx
	sldt (%bx)
	sldtw %cx
	sldtw (%bx)
	sldtl %ecx
	str %cx
	str %ecx
	str (%bx)
	strw %cx
	strw (%bx)
	strl %ecx
	lar %cx,%cx
	lar %cx,%ecx
	lar %ecx,%ecx
	lar (%bx),%cx
	lar (%bx),%ecx
	larw %cx,%cx
	larw (%bx),%cx
	larl %cx,%ecx
	larl %ecx,%ecx
	larl (%bx),%ecx
	lsl %cx,%cx
	lsl %cx,%ecx
	lsl %ecx,%ecx
	lsl (%bx),%cx
	lsl (%bx),%ecx
	lslw %cx,%cx
	lslw (%bx),%cx
	lsll %cx,%ecx
	lsll %ecx,%ecx
	lsll (%bx),%ecx
	verr %cx
	verr (%bx)
	verrw %cx
	verrw (%bx)
	verw %cx
	verw (%bx)
	verww %cx
	verww (%bx)
	arpl %cx,%dx
	arpl %cx,(%bx)
	arplw %cx,%dx
	arplw %cx,(%bx)

# segment registers
	mov %es,%cx
	mov %es,%ecx
	mov %es,(%bx)
	mov %cx,%es
	mov %ecx,%es
	mov (%bx),%es
	movw %es,%cx
	movw %es,(%bx)
	movw %cx,%es
	movw (%bx),%es
	movl %es,%ecx
	movl %ecx,%es
	mov %cs,%cx
	mov %cs,%ecx
	mov %cs,(%bx)
	movw %cs,%cx
	movw %cs,(%bx)
	movl %cs,%ecx
	mov %ss,%cx
	mov %ss,%ecx
	mov %ss,(%bx)
	mov %cx,%ss
	mov %ecx,%ss
	mov (%bx),%ss
	movw %ss,%cx
	movw %ss,(%bx)
	movw %cx,%ss
	movw (%bx),%ss
	movl %ss,%ecx
	movl %ecx,%ss
	mov %ds,%cx
	mov %ds,%ecx
	mov %ds,(%bx)
	mov %cx,%ds
	mov %ecx,%ds
	mov (%bx),%ds
	movw %ds,%cx
	movw %ds,(%bx)
	movw %cx,%ds
	movw (%bx),%ds
	movl %ds,%ecx
	movl %ecx,%ds
	mov %fs,%cx
	mov %fs,%ecx
	mov %fs,(%bx)
	mov %cx,%fs
	mov %ecx,%fs
	mov (%bx),%fs
	movw %fs,%cx
	movw %fs,(%bx)
	movw %cx,%fs
	movw (%bx),%fs
	movl %fs,%ecx
	movl %ecx,%fs
	mov %gs,%cx
	mov %gs,%ecx
	mov %gs,(%bx)
	mov %cx,%gs
	mov %ecx,%gs
	mov (%bx),%gs
	movw %gs,%cx
	movw %gs,(%bx)
	movw %cx,%gs
	movw (%bx),%gs
	movl %gs,%ecx
	movl %ecx,%gs
	movw %ds,8(%bp)
	mov 8(%bp),%ds
	mov sym,%fs
	mov %gs,sym
	push %es
	push %cs
	push %ss
	push %ds
	push %fs
	push %gs
	pushw %es
	pushw %cs
	pushw %ss
	pushw %ds
	pushw %fs
	pushw %gs
	pushl %es
	pushl %cs
	pushl %ss
	pushl %ds
	pushl %fs
	pushl %gs
	pop %es
	pop %ss
	pop %ds
	pop %fs
	pop %gs
	popw %es
	popw %ss
	popw %ds
	popw %fs
	popw %gs
	popl %es
	popl %ss
	popl %ds
	popl %fs
	popl %gs
	lds (%bx),%cx
	lds (%bx),%ecx
	ldsw (%bx),%cx
	ldsl (%bx),%ecx
	les (%bx),%cx
	les (%bx),%ecx
	lesw (%bx),%cx
	lesl (%bx),%ecx
	lfs (%bx),%cx
	lfs (%bx),%ecx
	lfsw (%bx),%cx
	lfsl (%bx),%ecx
	lgs (%bx),%cx
	lgs (%bx),%ecx
	lgsw (%bx),%cx
	lgsl (%bx),%ecx
	lss (%bx),%cx
	lss (%bx),%ecx
	lssw (%bx),%cx
	lssl (%bx),%ecx

# control transfers
	iret
	iretw
	iretl
	lret
	lret $4
	lretw
	lretw $4
	lretl
	lretl $4
	retf
	retf $4
	retfw
	retfw $4
	retfl
	retfl $4
	ljmp *(%bx)
	ljmp *sym
	ljmp (%bx)
	ljmp $8,$sym
	ljmpw *(%bx)
	ljmpw *sym
	ljmpw (%bx)
	ljmpw $8,$sym
	ljmpl *(%bx)
	ljmpl *sym
	ljmpl (%bx)
	ljmpl $8,$sym
	lcall *(%bx)
	lcall *sym
	lcall (%bx)
	lcall $8,$sym
	lcallw *(%bx)
	lcallw *sym
	lcallw (%bx)
	lcallw $8,$sym
	lcalll *(%bx)
	lcalll *sym
	lcalll (%bx)
	lcalll $8,$sym
	jmp $8,$sym
	jmpw $8,$sym
	jmpl $8,$sym
	call $8,$sym
	callw $8,$sym
	calll $8,$sym
	int $0x80
	int $0
	int $4
	into
	syscall
	sysenter
	sysret
	sysretl
	sysexit
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
	insb (%dx),%es:(%di)
	insb %dx,(%di)
	insw
	insw (%dx),%es:(%di)
	insw %dx,(%di)
	insl
	insl (%dx),%es:(%di)
	insl %dx,(%di)
	rep insb
	rep insb (%dx),%es:(%di)
	rep insb %dx,(%di)
	rep insw
	rep insw (%dx),%es:(%di)
	rep insw %dx,(%di)
	rep insl
	rep insl (%dx),%es:(%di)
	rep insl %dx,(%di)
	outsb
	outsb (%si),(%dx)
	outsb %fs:(%si),%dx
	outsw
	outsw (%si),(%dx)
	outsw %fs:(%si),%dx
	outsl
	outsl (%si),(%dx)
	outsl %fs:(%si),%dx
	rep outsb
	rep outsb (%si),(%dx)
	rep outsb %fs:(%si),%dx
	rep outsw
	rep outsw (%si),(%dx)
	rep outsw %fs:(%si),%dx
	rep outsl
	rep outsl (%si),(%dx)
	rep outsl %fs:(%si),%dx
	repe outsb
	repe outsb (%si),(%dx)
	repe outsb %fs:(%si),%dx
	repe outsw
	repe outsw (%si),(%dx)
	repe outsw %fs:(%si),%dx
	repe outsl
	repe outsl (%si),(%dx)
	repe outsl %fs:(%si),%dx
	repne outsb
	repne outsb (%si),(%dx)
	repne outsb %fs:(%si),%dx
	repne outsw
	repne outsw (%si),(%dx)
	repne outsw %fs:(%si),%dx
	repne outsl
	repne outsl (%si),(%dx)
	repne outsl %fs:(%si),%dx

# model-specific registers, counters, identification
	rdmsr
	wrmsr
	wrmsrns
	rdtsc
	rdtscp
	rdpmc
	rdpru
	rdpid %ecx
	cpuid
	hreset $1
	pconfig

# address translation and caches
	invlpg (%bx)
	invlpg sym
	invlpg 8(%bp)
	invpcid (%bx),%ecx
	invd
	wbinvd
	wbnoinvd
	invlpgb
	invlpgb %eax,%ecx,%edx
	tlbsync
	serialize

# idle
	hlt
	monitor
	monitor %eax,%ecx,%edx
	monitor %ax,%ecx,%edx
	monitorx
	monitorx %eax,%ecx,%edx
	umonitor %ecx
	umonitor %cx
	mwait
	mwait %eax,%ecx
	mwaitx
	mwaitx %eax,%ecx,%ebx
	umwait %ecx
	umwait %ecx,%edx,%eax
	tpause %ecx
	tpause %ecx,%edx,%eax

# protection keys, supervisor state
	clac
	stac
	rdpkru
	wrpkru
	xsaves (%bx)
	xrstors (%bx)
	xrstor (%bx)
	clrssbsy (%bx)
	setssbsy
	wrussd %ecx,(%bx)
	loadiwkey %xmm1,%xmm2
	enqcmds (%bx),%cx

# virtual machines and enclaves
	vmcall
	vmmcall
	vmgexit
	vmlaunch
	vmresume
	vmxoff
	vmfunc
	vmxon (%bx)
	vmclear (%bx)
	vmptrld (%bx)
	vmptrst (%bx)
	vmread %ecx,%edx
	vmread %ecx,(%bx)
	vmreadl %ecx,%edx
	vmreadl %ecx,(%bx)
	vmwrite %edx,%ecx
	vmwrite (%bx),%ecx
	vmwritel %edx,%ecx
	vmwritel (%bx),%ecx
	invept (%bx),%ecx
	invvpid (%bx),%ecx
	clgi
	stgi
	vmrun
	vmrun %eax
	vmload
	vmload %eax
	vmsave
	vmsave %eax
	skinit
	skinit %eax
	invlpga
	invlpga %eax,%ecx
	pvalidate
	pvalidate %eax,%ecx,%edx
	tdcall
	encls
	enclv
	getsec

# Intel syntax
	.intel_syntax noprefix
	cli
	sti
	pushf
	pushfw
	pushfd
	popf
	popfw
	popfd
	mov cr0,ecx
	mov ecx,cr0
	movd ecx,cr0
	mov cr8,ecx
	mov ecx,cr8
	movd ecx,cr8
	mov dr7,ecx
	mov ecx,dr7
	movd ecx,dr7
	mov ecx,tr6
	mov tr6,ecx
	lgdt [bx]
	lgdt fword ptr [bx]
	lgdtd [bx]
	lgdtw [bx]
	sidt [bx]
	lidt [bx]
	sgdt [bx]
	lldt cx
	lldt word ptr [bx]
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
	lsl ecx,word ptr [bx]
	verr cx
	verw word ptr [bx]
	arpl cx,dx
	arpl word ptr [bx],dx
	mov es,ax
	mov es,eax
	movd es,eax
	movw es,ax
	mov ax,es
	mov eax,es
	mov word ptr [bx],es
	mov es,word ptr [bx]
	mov es,[bx]
	mov [bx],es
	push es
	pushw es
	pushd es
	pop es
	popw es
	popd es
	mov ax,cs
	mov eax,cs
	mov word ptr [bx],cs
	mov [bx],cs
	push cs
	pushw cs
	pushd cs
	mov ss,ax
	mov ss,eax
	movd ss,eax
	movw ss,ax
	mov ax,ss
	mov eax,ss
	mov word ptr [bx],ss
	mov ss,word ptr [bx]
	mov ss,[bx]
	mov [bx],ss
	push ss
	pushw ss
	pushd ss
	pop ss
	popw ss
	popd ss
	mov ds,ax
	mov ds,eax
	movd ds,eax
	movw ds,ax
	mov ax,ds
	mov eax,ds
	mov word ptr [bx],ds
	mov ds,word ptr [bx]
	mov ds,[bx]
	mov [bx],ds
	push ds
	pushw ds
	pushd ds
	pop ds
	popw ds
	popd ds
	mov fs,ax
	mov fs,eax
	movd fs,eax
	movw fs,ax
	mov ax,fs
	mov eax,fs
	mov word ptr [bx],fs
	mov fs,word ptr [bx]
	mov fs,[bx]
	mov [bx],fs
	push fs
	pushw fs
	pushd fs
	pop fs
	popw fs
	popd fs
	mov gs,ax
	mov gs,eax
	movd gs,eax
	movw gs,ax
	mov ax,gs
	mov eax,gs
	mov word ptr [bx],gs
	mov gs,word ptr [bx]
	mov gs,[bx]
	mov [bx],gs
	push gs
	pushw gs
	pushd gs
	pop gs
	popw gs
	popd gs
	lds ecx,fword ptr [bx]
	lds cx,dword ptr [bx]
	ldsd ecx,[bx]
	les ecx,fword ptr [bx]
	les cx,dword ptr [bx]
	lesd ecx,[bx]
	lfs ecx,fword ptr [bx]
	lfs cx,dword ptr [bx]
	lfsd ecx,[bx]
	lgs ecx,fword ptr [bx]
	lgs cx,dword ptr [bx]
	lgsd ecx,[bx]
	lss ecx,fword ptr [bx]
	lss cx,dword ptr [bx]
	lssd ecx,[bx]
	iret
	iretw
	iretd
	retf
	retf 4
	retfw
	retfw 4
	retfd
	retfd 4
	lret
	lretw
	lretd
	ljmp [bx]
	ljmpd [bx]
	lcall [bx]
	lcalld [bx]
	jmp far ptr [bx]
	jmp fword ptr [bx]
	call far ptr [bx]
	call fword ptr [bx]
	jmp 8:sym
	call 8:sym
	jmp 8,sym
	call 8,sym
	ljmp 8:sym
	lcall 8:sym
	jmp 0x10:0x1234
	jmp dword ptr [bx]
	call dword ptr [bx]
	int 0x80
	into
	syscall
	sysenter
	sysret
	sysretd
	sysexit
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
	ins byte ptr es:[di],dx
	ins dword ptr [di],dx
	outs dx,byte ptr [si]
	outs dx,word ptr fs:[si]
	rdmsr
	wrmsr
	rdtsc
	cpuid
	rdpid ecx
	invlpg [bx]
	invpcid ecx,[bx]
	hlt
	monitor
	mwait
	monitor eax,ecx,edx
	tpause ecx
	clac
	stac
	xsaves [bx]
	xrstors [bx]
	xrstor [bx]
	vmcall
	vmread [bx],ecx
	vmwrite ecx,[bx]
	invept ecx,[bx]
	.intel_syntax prefix
	mov %ds,%ax
	mov %ax,%ds
	mov %cr0,%ecx
	mov %ecx,%cr0
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

# any case
	CLI
	HLT
	Sti
	MOV %CR0,%EAX
	MovW %Ds,%aX
	RDMSR
	.BYTE 0X0F,0X01,0XCA
	.byte 0xcd,0x80
