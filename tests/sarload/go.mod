module sarload

go 1.26.0
