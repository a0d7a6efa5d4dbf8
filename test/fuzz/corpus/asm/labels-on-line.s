1:cli;1:sti
a: b: cli
"a b": hlt
spaced : sti; hlt
4:5:6: rdmsr
$dollar: cli
.L1: .L2: cli
