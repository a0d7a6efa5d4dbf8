.macro m which
rd\which\()msr
\which
.endm
m ""
