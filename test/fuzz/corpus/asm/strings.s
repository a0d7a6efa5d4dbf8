.ascii "cli; sti\n"
.asciz "a # \" ; cli", "; hlt /*"
.string "cli\\"; cli
.ascii "\""; sti
.ascii ""
.string "a" "b"; hlt
