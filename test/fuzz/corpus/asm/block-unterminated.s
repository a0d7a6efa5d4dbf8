cli
/* never closed
cli
