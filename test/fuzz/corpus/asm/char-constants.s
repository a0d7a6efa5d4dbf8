mov $'#, %al
mov $';', %al; cli
mov $'", %al ; sti
movb $'\\, %al ; cli
movb $'\'', %al ; cli
.byte '/, '*
.byte 'a', ''', '\n ; hlt
movb $' 
cli
movb $' ,%al; cli
