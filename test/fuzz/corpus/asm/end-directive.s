cli
.end
sti
"
