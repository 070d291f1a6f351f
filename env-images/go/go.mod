module hearth/go

go 1.19
