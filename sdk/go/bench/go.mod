module rolecall.example/bench

go 1.25.0

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	rolecall v0.0.0
)

replace rolecall => ../
