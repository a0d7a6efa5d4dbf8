;cli;
;;	cli	;;
cli;sti;hlt;nop
;
;;;;
