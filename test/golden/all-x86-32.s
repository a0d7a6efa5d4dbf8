# SPDX-License-Identifier: BSD-2-Clause
# Every sensitive instruction that gas 2.40 knows, in every spelling it takes in 32-bit code:
# each statement behind the first label is one site of x86.rules. as --32 assembles all.
	.text
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
	lmsw (%ebx)
	lmsww %cx
	lmsww (%ebx)
	smsw %cx
	smsw %ecx
	smsw (%ebx)
	smsww %cx
	smsww (%ebx)
	smswl %ecx
	xgetbv
	xsetbv

# descriptor tables
	lgdt (%ebx)
	lgdt sym
	lgdt 8(%esp)
	lgdtw (%ebx)
	lgdtw sym
	lgdtw 8(%esp)
	lgdtl (%ebx)
	lgdtl sym
	lgdtl 8(%esp)
	lidt (%ebx)
	lidt sym
	lidt 8(%esp)
	lidtw (%ebx)
	lidtw sym
	lidtw 8(%esp)
	lidtl (%ebx)
	lidtl sym
	lidtl 8(%esp)
	sgdt (%ebx)
	sgdt sym
	sgdt 8(%esp)
	sgdtw (%ebx)
	sgdtw sym
	sgdtw 8(%esp)
	sgdtl (%ebx)
	sgdtl sym
	sgdtl 8(%esp)
	sidt (%ebx)
	sidt sym
	sidt 8(%esp)
	sidtw (%ebx)
	sidtw sym
	sidtw 8(%esp)
	sidtl (%ebx)
	sidtl sym
	sidtl 8(%esp)
	lldt %cx
	lldt (%ebx)
	lldtw %cx
	lldtw (%ebx)
	ltr %cx
	ltr (%ebx)
	ltrw %cx
	ltrw (%ebx)
	sldt %cx
	sldt %ecx
	sldt (%ebx)
	sldtw %cx
	sldtw (%ebx)
	sldtl %ecx
	str %cx
	str %ecx
	str (%ebx)
	strw %cx
	strw (%ebx)
	strl %ecx
	lar %cx,%cx
	lar %cx,%ecx
	lar %ecx,%ecx
	lar (%ebx),%cx
	lar (%ebx),%ecx
	larw %cx,%cx
	larw (%ebx),%cx
	larl %cx,%ecx
	larl %ecx,%ecx
	larl (%ebx),%ecx
	lsl %cx,%cx
	lsl %cx,%ecx
	lsl %ecx,%ecx
	lsl (%ebx),%cx
	lsl (%ebx),%ecx
	lslw %cx,%cx
	lslw (%ebx),%cx
	lsll %cx,%ecx
	lsll %ecx,%ecx
	lsll (%ebx),%ecx
	verr %cx
	verr (%ebx)
	verrw %cx
	verrw (%ebx)
	verw %cx
	verw (%ebx)
	verww %cx
	verww (%ebx)
	arpl %cx,%dx
	arpl %cx,(%ebx)
	arplw %cx,%dx
	arplw %cx,(%ebx)

# segment registers
	mov %es,%cx
	mov %es,%ecx
	mov %es,(%ebx)
	mov %cx,%es
	mov %ecx,%es
	mov (%ebx),%es
	movw %es,%cx
	movw %es,(%ebx)
	movw %cx,%es
	movw (%ebx),%es
	movl %es,%ecx
	movl %ecx,%es
	mov %cs,%cx
	mov %cs,%ecx
	mov %cs,(%ebx)
	movw %cs,%cx
	movw %cs,(%ebx)
	movl %cs,%ecx
	mov %ss,%cx
	mov %ss,%ecx
	mov %ss,(%ebx)
	mov %cx,%ss
	mov %ecx,%ss
	mov (%ebx),%ss
	movw %ss,%cx
	movw %ss,(%ebx)
	movw %cx,%ss
	movw (%ebx),%ss
	movl %ss,%ecx
	movl %ecx,%ss
	mov %ds,%cx
	mov %ds,%ecx
	mov %ds,(%ebx)
	mov %cx,%ds
	mov %ecx,%ds
	mov (%ebx),%ds
	movw %ds,%cx
	movw %ds,(%ebx)
	movw %cx,%ds
	movw (%ebx),%ds
	movl %ds,%ecx
	movl %ecx,%ds
	mov %fs,%cx
	mov %fs,%ecx
	mov %fs,(%ebx)
	mov %cx,%fs
	mov %ecx,%fs
	mov (%ebx),%fs
	movw %fs,%cx
	movw %fs,(%ebx)
	movw %cx,%fs
	movw (%ebx),%fs
	movl %fs,%ecx
	movl %ecx,%fs
	mov %gs,%cx
	mov %gs,%ecx
	mov %gs,(%ebx)
	mov %cx,%gs
	mov %ecx,%gs
	mov (%ebx),%gs
	movw %gs,%cx
	movw %gs,(%ebx)
	movw %cx,%gs
	movw (%ebx),%gs
	movl %gs,%ecx
	movl %ecx,%gs
	movw %ds,8(%esp)
	mov 8(%esp),%ds
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
	lds (%ebx),%cx
	lds (%ebx),%ecx
	ldsw (%ebx),%cx
	ldsl (%ebx),%ecx
	les (%ebx),%cx
	les (%ebx),%ecx
	lesw (%ebx),%cx
	lesl (%ebx),%ecx
	lfs (%ebx),%cx
	lfs (%ebx),%ecx
	lfsw (%ebx),%cx
	lfsl (%ebx),%ecx
	lgs (%ebx),%cx
	lgs (%ebx),%ecx
	lgsw (%ebx),%cx
	lgsl (%ebx),%ecx
	lss (%ebx),%cx
	lss (%ebx),%ecx
	lssw (%ebx),%cx
	lssl (%ebx),%ecx

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
	ljmp *(%ebx)
	ljmp *sym
	ljmp (%ebx)
	ljmp $8,$sym
	ljmpw *(%ebx)
	ljmpw *sym
	ljmpw (%ebx)
	ljmpw $8,$sym
	ljmpl *(%ebx)
	ljmpl *sym
	ljmpl (%ebx)
	ljmpl $8,$sym
	lcall *(%ebx)
	lcall *sym
	lcall (%ebx)
	lcall $8,$sym
	lcallw *(%ebx)
	lcallw *sym
	lcallw (%ebx)
	lcallw $8,$sym
	lcalll *(%ebx)
	lcalll *sym
	lcalll (%ebx)
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
	insb (%dx),%es:(%edi)
	insb %dx,(%edi)
	insw
	insw (%dx),%es:(%edi)
	insw %dx,(%edi)
	insl
	insl (%dx),%es:(%edi)
	insl %dx,(%edi)
	rep insb
	rep insb (%dx),%es:(%edi)
	rep insb %dx,(%edi)
	rep insw
	rep insw (%dx),%es:(%edi)
	rep insw %dx,(%edi)
	rep insl
	rep insl (%dx),%es:(%edi)
	rep insl %dx,(%edi)
	outsb
	outsb (%esi),(%dx)
	outsb %fs:(%esi),%dx
	outsw
	outsw (%esi),(%dx)
	outsw %fs:(%esi),%dx
	outsl
	outsl (%esi),(%dx)
	outsl %fs:(%esi),%dx
	rep outsb
	rep outsb (%esi),(%dx)
	rep outsb %fs:(%esi),%dx
	rep outsw
	rep outsw (%esi),(%dx)
	rep outsw %fs:(%esi),%dx
	rep outsl
	rep outsl (%esi),(%dx)
	rep outsl %fs:(%esi),%dx
	repe outsb
	repe outsb (%esi),(%dx)
	repe outsb %fs:(%esi),%dx
	repe outsw
	repe outsw (%esi),(%dx)
	repe outsw %fs:(%esi),%dx
	repe outsl
	repe outsl (%esi),(%dx)
	repe outsl %fs:(%esi),%dx
	repne outsb
	repne outsb (%esi),(%dx)
	repne outsb %fs:(%esi),%dx
	repne outsw
	repne outsw (%esi),(%dx)
	repne outsw %fs:(%esi),%dx
	repne outsl
	repne outsl (%esi),(%dx)
	repne outsl %fs:(%esi),%dx

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
	invlpg (%ebx)
	invlpg sym
	invlpg 8(%esp)
	invpcid (%ebx),%ecx
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
	xsaves (%ebx)
	xrstors (%ebx)
	xrstor (%ebx)
	clrssbsy (%ebx)
	setssbsy
	wrussd %ecx,(%ebx)
	loadiwkey %xmm1,%xmm2
	enqcmds (%ebx),%ecx

# virtual machines and enclaves
	vmcall
	vmmcall
	vmgexit
	vmlaunch
	vmresume
	vmxoff
	vmfunc
	vmxon (%ebx)
	vmclear (%ebx)
	vmptrld (%ebx)
	vmptrst (%ebx)
	vmread %ecx,%edx
	vmread %ecx,(%ebx)
	vmreadl %ecx,%edx
	vmreadl %ecx,(%ebx)
	vmwrite %edx,%ecx
	vmwrite (%ebx),%ecx
	vmwritel %edx,%ecx
	vmwritel (%ebx),%ecx
	invept (%ebx),%ecx
	invvpid (%ebx),%ecx
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
	lgdt [ebx]
	lgdt fword ptr [ebx]
	lgdtd [ebx]
	lgdtw [ebx]
	sidt [ebx]
	lidt [ebx]
	sgdt [ebx]
	lldt cx
	lldt word ptr [ebx]
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
	lsl ecx,word ptr [ebx]
	verr cx
	verw word ptr [ebx]
	arpl cx,dx
	arpl word ptr [ebx],dx
	mov es,ax
	mov es,eax
	movd es,eax
	movw es,ax
	mov ax,es
	mov eax,es
	mov word ptr [ebx],es
	mov es,word ptr [ebx]
	mov es,[ebx]
	mov [ebx],es
	push es
	pushw es
	pushd es
	pop es
	popw es
	popd es
	mov ax,cs
	mov eax,cs
	mov word ptr [ebx],cs
	mov [ebx],cs
	push cs
	pushw cs
	pushd cs
	mov ss,ax
	mov ss,eax
	movd ss,eax
	movw ss,ax
	mov ax,ss
	mov eax,ss
	mov word ptr [ebx],ss
	mov ss,word ptr [ebx]
	mov ss,[ebx]
	mov [ebx],ss
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
	mov word ptr [ebx],ds
	mov ds,word ptr [ebx]
	mov ds,[ebx]
	mov [ebx],ds
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
	mov word ptr [ebx],fs
	mov fs,word ptr [ebx]
	mov fs,[ebx]
	mov [ebx],fs
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
	mov word ptr [ebx],gs
	mov gs,word ptr [ebx]
	mov gs,[ebx]
	mov [ebx],gs
	push gs
	pushw gs
	pushd gs
	pop gs
	popw gs
	popd gs
	lds ecx,fword ptr [ebx]
	lds cx,dword ptr [ebx]
	ldsd ecx,[ebx]
	les ecx,fword ptr [ebx]
	les cx,dword ptr [ebx]
	lesd ecx,[ebx]
	lfs ecx,fword ptr [ebx]
	lfs cx,dword ptr [ebx]
	lfsd ecx,[ebx]
	lgs ecx,fword ptr [ebx]
	lgs cx,dword ptr [ebx]
	lgsd ecx,[ebx]
	lss ecx,fword ptr [ebx]
	lss cx,dword ptr [ebx]
	lssd ecx,[ebx]
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
	ljmp [ebx]
	ljmpd [ebx]
	lcall [ebx]
	lcalld [ebx]
	jmp far ptr [ebx]
	jmp fword ptr [ebx]
	call far ptr [ebx]
	call fword ptr [ebx]
	jmp 8:sym
	call 8:sym
	jmp 8,sym
	call 8,sym
	ljmp 8:sym
	lcall 8:sym
	jmp 0x10:0x1234
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
	ins byte ptr es:[edi],dx
	ins dword ptr [edi],dx
	outs dx,byte ptr [esi]
	outs dx,word ptr fs:[esi]
	rdmsr
	wrmsr
	rdtsc
	cpuid
	rdpid ecx
	invlpg [ebx]
	invpcid ecx,[ebx]
	hlt
	monitor
	mwait
	monitor eax,ecx,edx
	tpause ecx
	clac
	stac
	xsaves [ebx]
	xrstors [ebx]
	xrstor [ebx]
	vmcall
	vmread [ebx],ecx
	vmwrite ecx,[ebx]
	invept ecx,[ebx]
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
