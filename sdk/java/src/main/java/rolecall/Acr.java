package rolecall;

import java.util.Locale;
import java.util.Optional;

/** The assurance of a session: how well the user proved who they are. */
public enum Acr {
    /** A password alone. Tokens without an assurance of rolecall's have it too, such as those of clients. */
    AAL1,
    /** A second factor beside the password. */
    AAL2,
    /** A passkey that verified its user, which withstands phishing. */
    PHR;

    /** Returns the value of the claim {@code acr}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    static Optional<Acr> of(String text) {
        for (Acr acr : values()) {
            if (acr.toString().equals(text)) {
                return Optional.of(acr);
            }
        }
        return Optional.empty();
    }
}
