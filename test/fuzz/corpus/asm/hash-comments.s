cli # sti
# hlt
  # hlt
cli#sti
#
#APP
sti
#NO_APP
cli
