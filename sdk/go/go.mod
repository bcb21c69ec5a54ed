module rolecall

go 1.25
