# SPDX-License-Identifier: BSD-2-Clause
# One macro per sensitive instruction. `{nooptimize}` in front of a mnemonic changes nothing but keeps gas
# from looking for a macro of that name.
	.macro ab_site insn:vararg
1000001: {nooptimize} \insn
1000002: .byte 0x0f,0x1f,0x44,0,0
	.pushsection .afterburn,"a"
	.long 1000001b-.
	.2byte 0
	.byte 1000002b-1000001b+5,0,1000002b-1000001b,0
	.2byte 0
	.popsection
	.endm
	.irp op, cli,sti,hlt,clts,iret,iretl,iretq,pushf,pushfl,pushfq,popf,popfl,popfq,cpuid,rdmsr,wrmsr,rdtsc,rdtscp,rdpmc,wbinvd,invd,swapgs,sysretl,sysretq,sysexit,sysexitl,syscall,sysenter,xgetbv,xsetbv,monitor,mwait,clac,stac,rdpkru,wrpkru,serialize
	.macro \op
	ab_site \op
	.endm
	.endr
	.irp op, lgdt,lidt,sgdt,sidt,lldt,sldt,ltr,str,smsw,lmsw,lar,lsl,verr,verw,inb,inw,inl,outb,outw,outl,insb,insw,insl,outsb,outsw,outsl,int,lret,lretq,ljmp,ljmpl,lcall,invlpg,invpcid,rdpid,rdfsbase,rdgsbase,wrfsbase,wrgsbase,xsaves,xsaves64,xrstors,xrstors64,lss,lfs,lgs
	.macro \op args:vararg
	ab_site \op \args
	.endm
	.endr
# mov, push and pop are sensitive by their operands: the first or the last must be compared with
# every register in question.
	.macro ab_special reg, more:vararg
	.irp special, %cr0,%cr2,%cr3,%cr4,%cr8,%db0,%db1,%db2,%db3,%db6,%db7,%dr0,%dr1,%dr2,%dr3,%dr6,%dr7,%es,%cs,%ss,%ds,%fs,%gs
	.ifc \reg,\special
	.set ab_found, 1
	.endif
	.endr
	.ifnb \more
	ab_last \more
	.endif
	.endm
	.macro ab_last reg, more:vararg
	.ifb \more
	ab_special \reg
	.else
	ab_last \more
	.endif
	.endm
	.irp op, mov,movw,movl,movq,push,pushw,pushl,pushq,pop,popw,popl,popq
	.macro \op args:vararg
	.set ab_found, 0
	ab_special \args
	.if ab_found
	ab_site \op \args
	.else
	{nooptimize} \op \args
	.endif
	.endm
	.endr
	.text
