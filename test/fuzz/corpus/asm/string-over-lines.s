.string "two lines
	cli
"; cli
hlt
