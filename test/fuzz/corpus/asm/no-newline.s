cli
	sti; hlt # end