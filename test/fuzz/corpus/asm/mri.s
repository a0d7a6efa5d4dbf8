.mri 1
label cli
* comment
 cli ; comment
.mri 0
cli
