module rolecall.example/go

go 1.25

require rolecall v0.0.0

replace rolecall => ../../sdk/go
