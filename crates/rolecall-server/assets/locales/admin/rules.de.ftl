admin-nav-matrix = Rechte nach Rolle
admin-nav-hierarchy = Hierarchie
admin-nav-constraints = Rollentrennung
admin-nav-requests = Anfragen
admin-nav-decisions = Wer darf was?
admin-nav-policy = Regelwerk
admin-change = Ändern
admin-save = Speichern
admin-back = Zurück
admin-show = Anzeigen
admin-more = Mehr
admin-matrix-preview = Vorschau der Änderung
admin-done-policy = Das Regelwerk ist geändert. Tokens, die mehr enthalten, als sie dürfen, werden ab jetzt abgelehnt.
admin-done-constraint-created = Die Rollentrennung gilt.
admin-done-constraint-deleted = Die Rollentrennung ist gelöscht.
admin-done-request-confirmed = Bestätigt. Die Rolle gilt mit dem nächsten Token.
admin-done-request-ended = Die Anfrage ist beendet. Niemand hat die Rolle dadurch bekommen.
admin-policy-changed = Jemand anderes hat es geändert, seit diese Seite gezeigt wurde, und nichts wurde gespeichert. Sehen Sie es sich noch einmal an.
admin-nothing-changed = Nichts ist geändert: Setzen oder entfernen Sie zuerst ein Häkchen.
admin-too-many-cells = Das sind zu viele Zellen für eine Vorschau. Speichern Sie zuerst einige davon, oder bearbeiten Sie das Regelwerk als Dokument.
admin-no-role = Geben Sie den Namen einer Rolle ein, etwa editor.
admin-no-role-name = Das ist kein Name einer Rolle: { $name }
admin-no-number = Geben Sie eine ganze Zahl ab 1 ein.
admin-no-constraint-name = Geben Sie einen Namen aus Kleinbuchstaben, Ziffern, Punkten, Binde- und Unterstrichen ein.
admin-confirm-first = Setzen Sie zuerst das Häkchen. Nichts wurde gelöscht.
admin-no-time = Geben Sie Datum und Uhrzeit ein, oder nichts.
admin-no-user = Geben Sie einen Benutzernamen oder die ID eines Benutzers ein.
admin-no-need = Geben Sie ein Recht wie items:read ein, oder role: und den Namen einer Rolle.
admin-no-tenant-name = Das ist kein Name eines Mandanten.
admin-no-receipt = Fügen Sie den Beleg ein, den die Ablehnung hatte.
admin-sign-in-first = Ihre Anmeldung ist älter als 15 Minuten. Melden Sie sich neu an und drücken Sie dann noch einmal den Knopf.
admin-sign-in-beside = In einem neuen Tab anmelden; diese Seite behält Ihr Dokument
admin-plan-changes = Änderungen
admin-plan-nothing = Dieses Regelwerk gilt bereits. Nichts würde sich ändern.
admin-plan-people = Wer gewinnt und wer verliert
admin-plan-counts = { $gaining ->
    [0] Niemand gewinnt etwas
    [one] Ein Benutzer oder Client gewinnt etwas
   *[other] { $gaining } Benutzer und Clients gewinnen etwas
}, { $losing ->
    [0] und niemand verliert etwas.
    [one] und einer verliert etwas.
   *[other] und { $losing } verlieren etwas.
}
admin-plan-no-names = Ihre Rollen erlauben nicht zu sehen, wer sie sind.
admin-plan-who = Benutzer oder Client
admin-plan-roles = Rollen, die sich ändern
admin-plan-more-roles = { $count ->
    [one] Eine weitere Rolle ändert sich.
   *[other] { $count } weitere Rollen ändern sich.
}
admin-plan-more-changes = { $count ->
    [one] Eine weitere Änderung ist nicht aufgeführt.
   *[other] { $count } weitere Änderungen sind nicht aufgeführt.
}
admin-gains = Gewinnt
admin-loses = Verliert
admin-needs-more = Braucht eine stärkere Anmeldung:
admin-diff-added = Hinzugefügt:
admin-diff-removed = Entfernt:
admin-diff-changed = Geändert:
admin-matrix-lead = Kreuzen Sie an, was eine Rolle selbst hat. Nichts wird gespeichert, bevor Sie gesehen haben, wer was gewinnt und verliert.
admin-matrix-hint = Ein Hinweis unter einem Kästchen sagt, woher die Rolle das Recht ohnehin hat. Die Spalte mit dem Stern umfasst alle Rechte des Objekts, auch spätere.
admin-matrix-empty = Es gibt noch keine Rechte. Schreiben Sie die ersten in das Regelwerk.
admin-matrix-no-roles = Keine Rolle passt. Leeren Sie den Filter, oder legen Sie eine Rolle an.
admin-object = Objekt
admin-roles-that-contain = Rollen, deren Name dies enthält
admin-by = durch { $name }
admin-columns = Spalten
admin-columns-before = Vorige Spalten
admin-columns-after = Weitere Spalten
admin-preview-lead = Das geschieht, wenn Sie speichern. Noch ist nichts geändert.
admin-hierarchy-lead = Jede Rolle hat auch, was die Rollen rechts von ihr haben.
admin-hierarchy-around = Nur was über und unter dieser Rolle ist
admin-hierarchy-all = Alle Rollen
admin-hierarchy-unknown = Es gibt keine Rolle { $role }.
admin-hierarchy-empty = Es gibt noch keine Rollen. Schreiben Sie die ersten in das Regelwerk.
admin-hierarchy-picture = Bild
admin-hierarchy-title = Die Hierarchie von { $count ->
    [one] einer Rolle
   *[other] { $count } Rollen
}. Sie steht darunter auch als Liste.
admin-hierarchy-crowded = { $count } Rollen sind zu viele für ein Bild. Geben Sie oben eine davon ein, um zu sehen, was um sie herum ist.
admin-hierarchy-list = Liste
admin-hierarchy-above = weiter oben mit dem gezeigt, was sie erbt
admin-hierarchy-more = { $count ->
    [one] Eine weitere Zeile ist nicht aufgeführt. Geben Sie oben eine Rolle ein.
   *[other] { $count } weitere Zeilen sind nicht aufgeführt. Geben Sie oben eine Rolle ein.
}
admin-policy-lead = Alle Regeln in einem Dokument, ohne Benutzer. Planen Sie es, sehen Sie nach, wer was gewinnt und verliert, dann setzen Sie es in Kraft.
admin-policy-history = Verlauf
admin-policy-lines = Wo das Dokument falsch ist
admin-policy-too-long = Das Regelwerk ist länger, als ein Formular sein kann. Benutzen Sie die Kommandozeile:
admin-policy-document = Dokument
admin-policy-plan = Planen
admin-policy-apply = In Kraft setzen
admin-policy-hint = In TOML geschrieben. In Kraft zu setzen ersetzt das ganze Regelwerk in einem Schritt, oder ändert nichts.
admin-history-lead = Dokumente, die in Kraft waren, das neueste zuerst. Kehren Sie zu einem zurück, oder sehen Sie, was es geändert hat.
admin-history-empty = Es gibt noch kein früheres Regelwerk.
admin-revision = Fassung
admin-version = Revision { $revision }
admin-time = Zeit
admin-size = Größe
admin-state = Stand
admin-bytes = { $count } Bytes
admin-version-effects = Zeigen, was die Rückkehr bewirken würde
admin-version-changed = Was sie geändert hat
admin-version-oldest = Es ist die älteste Fassung, die aufbewahrt ist.
admin-version-same = Sie hat keine Regel geändert.
admin-version-back = Zu ihr zurückkehren
admin-version-back-text = Die Regeln dieser Fassung würden die geltenden ersetzen. Wer welche Rolle hat, bleibt, wie es ist.
admin-go-back = Zu dieser Fassung zurückkehren
admin-constraints-lead = Hier werden Rollen getrennt: Wer bestellt, darf nicht auch bezahlen.
admin-constraints-empty = Keine Rollen sind getrennt.
admin-constraint = Rollentrennung
admin-constraint-new = Neue Rollentrennung
admin-constraint-meaning = Bedeutung
admin-constraint-static = { $count ->
    [one] Niemand kann mehr als eine dieser Rollen haben.
   *[other] Niemand kann mehr als { $count } dieser Rollen haben.
}
admin-constraint-session = { $count ->
    [one] In einer Sitzung kann nur eine dieser Rollen aktiv sein.
   *[other] In einer Sitzung können nur { $count } dieser Rollen aktiv sein.
}
admin-constraint-subject = { $count ->
    [one] Zu einer Zeit kann jemand nur eine dieser Rollen benutzen, in allen Sitzungen zusammen.
   *[other] Zu einer Zeit kann jemand nur { $count } dieser Rollen benutzen, in allen Sitzungen zusammen.
}
admin-constraint-roles = Rollen
admin-constraint-roles-hint = Eine Rolle je Zeile, zwei oder mehr.
admin-constraint-at-most = Höchstens so viele davon zusammen
admin-constraint-kind = Was getrennt wird
admin-constraint-kind-static = Die Rollen zu haben (statisch)
admin-constraint-kind-dynamic = Die Rollen zur gleichen Zeit zu benutzen (dynamisch)
admin-constraint-counts = Was eine dynamische Rollentrennung zählt
admin-constraint-per-session = Die Rollen einer Sitzung
admin-constraint-per-subject = Die Rollen aller Sitzungen von jemandem zusammen
admin-constraint-breaks = Wenn jemand schon dagegen verstößt, wird nichts gespeichert, und Sie sehen, wer es ist.
admin-constraint-delete-text = Niemand verliert etwas. Von da an können diese Rollen zusammen vergeben und benutzt werden.
admin-constraint-delete-confirm = { $name } löschen
admin-requests-lead = Diese Rollen warten, bis eine zweite Person sie bestätigt.
admin-requests-empty = Nichts wartet auf eine zweite Person.
admin-request = Anfrage
admin-request-for = { $role } für { $name }
admin-request-new = Um eine Rolle bitten
admin-request-hint = Eine Rolle, die eine zweite Person braucht, wartet auf sie. Jede andere wird sofort zugewiesen.
admin-request-confirm = Bestätigen
admin-request-reject = Ablehnen
admin-request-withdraw = Zurückziehen
admin-request-own-text = Sie haben selbst darum gebeten, daher muss es jemand anderes bestätigen.
admin-request-confirm-text = Nachdem Sie sie bestätigt haben, gilt die Rolle mit dem nächsten Token.
admin-asked-by = Gebeten von
admin-for = Für
admin-request-from = Ab
admin-request-until = Bis
admin-request-until-utc = Bis (in UTC; leer für kein Ende)
admin-ask = Bitten
admin-user-or-id = Benutzername oder ID
admin-decisions-lead = Fragen Sie, was jemand darf, und warum. Die Antwort ist, was die Datenbank jetzt sagt.
admin-yes = Ja
admin-no = Nein
admin-answer-allowed = { $name } darf: { $need }
admin-answer-denied = { $name } darf nicht: { $need }
admin-answer-refusal = Ein Token wurde zu dieser Zeit abgelehnt. Die Antwort ist, was die Datenbank jetzt über diese Zeit sagt.
admin-ask-may = Fragen
admin-ask-button = Fragen
admin-need = Recht oder Rolle
admin-need-hint = Eine Rolle schreibt man als
admin-at-utc = Zeitpunkt (in UTC; leer für jetzt)
admin-session-acr = Stärke der Anmeldung
admin-any-session = beliebig
admin-look-up = Eine Ablehnung nachschlagen
admin-look-up-text = Eine Antwort 403 hat einen Beleg. Er enthält, wer abgelehnt wurde, wofür und wann.
admin-receipt-label = Beleg
admin-look-up-button = Nachschlagen
admin-step-need-met = { $need } ist vorhanden:
admin-step-need-unmet = { $need } fehlt:
admin-step-status = Das Konto kann nicht benutzt werden:
admin-step-assignment = Die Rolle { $role } ist zugewiesen.
admin-step-given = gegeben von { $by } um
admin-step-inheritance = Sie erbt:
admin-step-grant = Die Rolle { $role } hat { $permission }.
admin-step-assurance = Die Rolle { $role } zählt nur in Sitzungen mit { $needed }.
admin-step-present = Diese Sitzung hat { $present }.
admin-step-missing = { $need } fehlt.
admin-step-unknown = { $need } gibt es nicht.
admin-step-would-give = Diese Rollen würden es geben:
admin-step-may-give = Wer { $role } zuweisen kann
admin-step-nobody = niemand
admin-step-not-listed = { $count ->
    [one] Eine weitere verlorene Zuweisung ist nicht aufgeführt.
   *[other] { $count } weitere verlorene Zuweisungen sind nicht aufgeführt.
}
admin-lost-expired = Die Zuweisung ist abgelaufen:
admin-lost-not_yet_valid = Die Zuweisung hat noch nicht begonnen:
admin-lost-other_tenant = Die Zuweisung ist für einen anderen Mandanten:
admin-lost-global_only = Sie zählt nur ohne Mandanten:
admin-lost-unassigned = Die Rolle wurde weggenommen:
admin-lost-narrowed = Das Token wurde für weniger gemacht, als der Benutzer hat.
admin-lost-sign_in_too_old = Die Anmeldung war dafür zu lange her. Der Benutzer kann sich neu anmelden.
admin-lost-token_is_older = Das Token ist älter als die Zuweisung. Das nächste Token hat sie.
admin-done-permission-created = Das Recht ist angelegt. Fügen Sie es einer Rolle hinzu.
admin-done-permission-deleted = Das Recht ist gelöscht.
admin-no-permission-name = Geben Sie einen Gegenstand und eine Handlung mit einem Doppelpunkt dazwischen ein, etwa items:read, aus Kleinbuchstaben, Ziffern, Punkten, Binde- und Unterstrichen.
admin-permission-list = Rechte
admin-permission-list-lead = Ein Recht ist das, was eine Route verlangt. Menschen haben es durch die Rollen, die es geben.
admin-no-more-permissions = Keine weiteren Rechte.
admin-permission-new = Neues Recht
admin-permission-roles = Rollen, die es geben
admin-permission-no-role = Noch gibt es keine Rolle. Fügen Sie es auf der Seite einer Rolle hinzu.
admin-permission-delete-text = Keine Rolle gibt es. Routen, die es verlangen, lassen niemanden ein.
admin-permission-delete-loses = Diese Rollen geben es durch einen Platzhalter und verlieren es; Tokens, die darauf beruhen, werden sofort abgelehnt.
admin-permission-held = Es kann gelöscht werden, sobald keine Rolle es bei seinem Namen nennt.
