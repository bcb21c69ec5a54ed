package rolecall

// ParseConformanceRule is for the tests outside of the package.
var ParseConformanceRule = parseRule
