package rolecall

// Acr is the assurance of a session: how well the user proved who they are.
type Acr int

const (
	// Aal1 is a password alone. Tokens without an assurance of rolecall's have it too, such as those of clients.
	Aal1 Acr = iota
	// Aal2 is a second factor beside the password.
	Aal2
	// Phr is a passkey that verified its user, which withstands phishing.
	Phr
)

var acrNames = []string{Aal1: "aal1", Aal2: "aal2", Phr: "phr"}

// String returns the value of the claim acr.
func (a Acr) String() string {
	if a < Aal1 || a > Phr {
		return ""
	}
	return acrNames[a]
}

func parseAcr(text string) (acr Acr, known bool) {
	for acr, name := range acrNames {
		if name == text {
			return Acr(acr), true
		}
	}
	return Aal1, false
}
