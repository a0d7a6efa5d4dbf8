cli /* sti */
/* cli */ sti
mov /* a */ %cr0 /* b */ , /* c */ %rax
/* hlt
hlt */ cli
cli /**/;/***/sti/* / * */
r/**/dmsr
