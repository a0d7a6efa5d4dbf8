.if 0
hlt
.else
cli
.endif
.ifdef foo
sti
.endif
.ifc a,a
clts
.endif
