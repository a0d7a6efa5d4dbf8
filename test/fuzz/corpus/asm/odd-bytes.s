cli
	cli
été: cli
c\li
cli \

@ cli
! sti
| hlt
