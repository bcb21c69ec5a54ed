admin-nobody = Nichts zu verwalten
admin-nobody-text = Dieses Konto hat keine Rolle für diese Seiten. Bitten Sie die Verwaltung darum, oder melden Sie sich mit einem anderen Konto an.
admin-skip = Zum Inhalt springen
admin-navigation = Verwaltung
admin-pages = Seiten der Liste
admin-first-page = Erste Seite
admin-next-page = Nächste Seite
admin-in-tenant = Mandant { $tenant }
admin-in-no-tenant = Alle Mandanten
admin-tenant = Mandant
admin-tenant-title = Wo Sie handeln
admin-tenant-lead = In einem Mandanten zählen auch Ihre Rollen dort, und was Sie tun, gilt für diesen Mandanten.
admin-act-there = Dort handeln
admin-faults = Das geht noch nicht:
admin-exceeds = Sie können nur geben, ändern oder nehmen, was Sie selbst haben. Ihnen fehlt: { $name }
admin-too-many = Zu viele Versuche. Versuchen Sie es in { $name } Sekunden wieder.
admin-unknown = Nicht gefunden
admin-unknown-text = Es gibt das nicht, oder nicht mehr.
admin-forbidden = Nicht erlaubt
admin-forbidden-text = Ihre Rollen erlauben das nicht.
admin-refused = Das geht nicht
admin-refused-text = Es wurde nichts geändert.
admin-too-large = Dieses Formular ist zu lang
admin-too-large-text = Es wurde nichts geändert. Wählen Sie weniger auf einmal aus oder geben Sie weniger ein, und senden Sie es noch einmal.
admin-lacking = Es fehlt:
admin-receipt = Geben Sie diesen Beleg jemandem aus der Verwaltung; damit lässt sich sehen, was fehlt:
admin-to-start = Zurück zum Anfang
admin-done-saved = Gespeichert.
admin-done-tenant = Sie handeln ab jetzt dort.
admin-done-user-disabled = Das Konto ist gesperrt. Alle Sitzungen sind beendet.
admin-done-user-enabled = Das Konto kann sich wieder anmelden.
admin-done-user-deleted = Das Konto ist gelöscht.
admin-done-assigned = Die Rolle ist zugewiesen. Sie wirkt mit dem nächsten Token.
admin-done-requested = Eine zweite Person muss die Rolle bestätigen.
admin-done-unassigned = Die Rolle ist entzogen. Tokens damit werden ab jetzt abgelehnt.
admin-done-ended = Beendet. Tokens davon werden ab jetzt abgelehnt.
admin-done-mailed = Ein Link ging an die bestätigte Adresse des Kontos.
admin-done-bulk = Für alle in der Auswahl erledigt.
admin-done-invitation-withdrawn = Die Einladung ist zurückgezogen. Ihr Link funktioniert nicht mehr.
admin-done-role-created = Die Rolle ist angelegt.
admin-done-role-deleted = Die Rolle ist gelöscht.
admin-nav-start = Start
admin-nav-users = Konten
admin-nav-invitations = Einladungen
admin-start-lead = Was zu tun ist, und was geschah.
admin-todo = Zu tun
admin-todo-nothing = Es ist nichts zu tun.
admin-todo-requests = { $count ->
    [one] Eine Rolle wartet auf eine zweite Person
   *[other] { $count } Rollen warten auf eine zweite Person
}{ $name }
admin-todo-expiring = { $count ->
    [one] Eine Rollenzuweisung endet in einer Woche
   *[other] { $count } Rollenzuweisungen enden in einer Woche
}{ $name }
admin-todo-mails = { $count ->
    [one] Eine Mail konnte nicht gesendet werden
   *[other] { $count } Mails konnten nicht gesendet werden
}: { $name }
admin-todo-one-administrator = Nur ein Konto verwaltet alles. Geben Sie einer zweiten Person die Rolle { $name }, damit niemand ausgesperrt wird.
admin-day = Die letzten 24 Stunden
admin-day-counts = Anmeldungen: { $signed_in }. Ablehnungen: { $refused }.
admin-day-plot = Balken je Stunde: { $signed_in } Anmeldungen und { $refused } Ablehnungen in den letzten 24 Stunden
admin-signed-in = Anmeldungen
admin-refusals = Ablehnungen
admin-keys-age = Signaturschlüssel in Gebrauch
admin-key-days = { $days ->
    [0] seit heute
    [one] seit einem Tag
   *[other] seit { $days } Tagen
}
admin-changes = Letzte Änderungen
admin-users-lead = Suchen Sie jemanden mit einem Teil des Namens oder der Adresse.
admin-new-user = Neues Konto
admin-search = Suche
admin-status = Status
admin-any = Alle
admin-status-active = Aktiv
admin-status-disabled = Gesperrt
admin-status-password_change_required = Muss ein Passwort wählen
admin-role = Rolle
admin-roles = Rollen
admin-without-factor = Ohne zweiten Faktor
admin-find = Suchen
admin-clear = Alle zeigen
admin-choose = Auswählen
admin-choose-all = Alle auf dieser Seite auswählen
admin-choose-user = { $name } auswählen
admin-user-name = Benutzername
admin-verified = bestätigt
admin-none = Keine
admin-more-roles = { $count ->
    [one] und eine weitere
   *[other] und { $count } weitere
}
admin-never = Nie
admin-factors = Zweite Faktoren
admin-last-sign-in = Letzte Anmeldung
admin-created = Angelegt
admin-updated = Geändert
admin-id = Kennung
admin-with-chosen = Mit den ausgewählten
admin-action = Aktion
admin-bulk-assign = Rolle geben
admin-bulk-unassign = Rolle entziehen
admin-bulk-disable = Sperren
admin-until-utc = Bis (UTC)
admin-preview = Vorschau
admin-no-users-found = Niemand passt. Suchen Sie nach weniger vom Namen, oder zeigen Sie alle.
admin-no-users = Es gibt noch niemanden. Legen Sie das erste Konto an.
admin-bulk-lead = { $count ->
    [0] Es würde sich nichts ändern.
    [one] Das ändert ein Konto. Noch ist nichts geschehen.
   *[other] Das ändert { $count } Konten. Noch ist nichts geschehen.
}
admin-bulk-done = { $count ->
    [0] Es wurde nichts geändert.
    [one] Für ein Konto erledigt.
   *[other] Für { $count } Konten erledigt.
}
admin-what-happened = Was geschah
admin-what-will-happen = Was geschehen wird
admin-will-assign = Bekommt die Rolle
admin-will-change-role = Hat die Rolle mit anderen Zeiten und erhält diese
admin-will-request = Bekommt die Rolle, wenn eine zweite Person sie bestätigt
admin-has-role = Hat die Rolle schon
admin-will-unassign = Verliert die Rolle; Tokens damit werden sofort abgelehnt
admin-lacks-role = Hat die Rolle nicht
admin-will-disable = Wird abgemeldet und kann sich nicht anmelden
admin-is-disabled = Ist schon gesperrt
admin-did = Erledigt
admin-did-request = Wartet auf eine zweite Person
admin-did-not = Nicht erledigt:
admin-bulk-stopped = Das dürfen Sie nicht mehr.
admin-nobody-chosen = Wählen Sie mindestens ein Konto aus.
admin-cancel = Abbrechen
admin-confirm-lead = Das wird geschehen:
admin-final = Das lässt sich nicht rückgängig machen.
admin-do-it = Ausführen
admin-disable-user = { $name } sperren
admin-enable-user = { $name } freigeben
admin-reset-user = Das Passwort von { $name } zurücksetzen
admin-delete-user = { $name } löschen
admin-end-sessions = Sitzungen von { $name } beenden
admin-remove-factor = Einen zweiten Faktor von { $name } entfernen
admin-unassign-role = Die Rolle { $name } entziehen
admin-delete-role = Die Rolle { $name } löschen
admin-let-any-sign-in = Jede Anmeldung für die Rolle { $name } genügen lassen
admin-require-factor = Zweiten Faktor für die Rolle { $name } verlangen
admin-require-passkey = Passkey für die Rolle { $name } verlangen
admin-effect-signed-out = { $count ->
    [0] Jeder Browser wird abgemeldet, und alle Tokens werden sofort abgelehnt.
    [one] Jeder Browser wird abgemeldet, eine Sitzung einer Anwendung endet, und alle Tokens werden sofort abgelehnt.
   *[other] Jeder Browser wird abgemeldet, { $count } Sitzungen von Anwendungen enden, und alle Tokens werden sofort abgelehnt.
}
admin-effect-one-session = Die Sitzung { $name } endet.
admin-effect-one-browser = Der Browser { $name } wird abgemeldet, und die Sitzungen von Anwendungen, die darin geöffnet wurden, enden, außer denen, die ohne den Benutzer weitergehen dürfen (offline_access).
admin-effect-no-sign-in = Niemand kann sich mit dem Konto anmelden.
admin-undo = Rückgängig machen
admin-kept = Das Formular enthält, was vor der Anmeldung eingegeben wurde. Davon ist noch nichts gespeichert: Sehen Sie es sich noch einmal an, bevor Sie speichern.
admin-effect-oneself = Es ist Ihr eigenes Konto: Jemand anderes müsste es wieder freigeben.
admin-effect-can-undo = Sie können es rückgängig machen.
admin-effect-sign-in-again = Das Konto kann sich wieder anmelden.
admin-effect-password-gone = Das jetzige Passwort gilt nicht mehr.
admin-effect-code-shown = Sie bekommen einen Einmalcode für das Konto, der nur einmal gezeigt wird.
admin-effect-link-mailed = Ein Link zu einem neuen Passwort geht an die bestätigte Adresse des Kontos.
admin-effect-roles-gone = { $count ->
    [0] Das Konto hat keine Rolle.
    [one] Eine Rollenzuweisung entfällt.
   *[other] { $count } Rollenzuweisungen entfallen.
}
admin-effect-account-gone = Das Konto, seine Faktoren und seine Einwilligungen werden gelöscht.
admin-effect-audit-stays = Das Protokoll behält, was das Konto getan hat.
admin-effect-factor-gone = Der Faktor { $name } gilt nicht mehr.
admin-effect-tokens-refused = Tokens, die darauf beruhen, werden sofort abgelehnt.
admin-effect-loses-role = { $name } verliert die Rolle, und was nur sie gibt.
admin-effect-holders-lose = { $count ->
    [0] Niemand hat die Rolle.
    [one] Eine Zuweisung der Rolle endet.
    [1000] 1000 Zuweisungen der Rolle enden, oder mehr.
   *[other] { $count } Zuweisungen der Rolle enden.
}
admin-effect-holders-of-acr = { $count ->
    [0] Niemand hat die Rolle, auch nicht über eine Rolle, die sie erbt.
    [one] Eine Zuweisung gibt die Rolle, direkt oder über eine Rolle, die sie erbt.
   *[other] { $count } Zuweisungen geben die Rolle, direkt oder über eine Rolle, die sie erbt.
}
admin-effect-needs-acr = Was sie gibt, gilt nur nach einer solchen Anmeldung. Tokens ohne sie werden sofort abgelehnt, und wer sie hat, muss sich neu anmelden. Wer noch keinen solchen Faktor hat, fügt ihn dabei hinzu.
admin-effect-needs-no-acr = Was sie gibt, gilt nach jeder Anmeldung, auch mit dem Passwort allein.
admin-effect-no-password-grant = Programme, die das Passwort selbst senden, melden niemanden mehr an, der die Rolle hat.
admin-effect-seniors-lose = Rollen, die sie erben, verlieren, was sie gibt: { $name }
admin-user-created = { $name } ist angelegt
admin-user-created-lead = Geben Sie diesen Einmalcode weiter; damit wird auf der Anmeldeseite ein Passwort gewählt. Er wird nicht noch einmal gezeigt.
admin-user-reset = Das Passwort von { $name } ist zurückgesetzt
admin-user-reset-lead = Geben Sie diesen Einmalcode weiter; damit wird auf der Anmeldeseite ein neues Passwort gewählt. Er wird nicht noch einmal gezeigt.
admin-user-invited = { $name } ist eingeladen
admin-user-invited-lead = Geben Sie diesen Link weiter. Wer ihn hat, kann das Konto anlegen, dessen E-Mail-Adresse nicht als bestätigt gilt. Er wird nicht noch einmal gezeigt.
admin-mail-is-sent = Eine Mail sagt, wie es weitergeht.
admin-needs-confirmation = Der Code gilt, wenn eine zweite Person aus der Verwaltung ihn bestätigt, oder mit einem bekannten Gerät.
admin-works-until = Gültig bis
admin-go-on = Weiter
admin-assign-role = Rolle geben
admin-assign-lead = { $name } bekommt die Rolle, und alles, was sie gibt.
admin-tenant-hint = Lassen Sie es leer, damit die Rolle überall gilt.
admin-from-hint = Lassen Sie es leer, wenn die Rolle sofort gilt.
admin-until-hint = Lassen Sie es leer, wenn die Rolle kein Ende hat.
admin-reason = Grund
admin-wrong-role = Der Name einer Rolle besteht aus Kleinbuchstaben, Ziffern, Punkten, Binde- und Unterstrichen.
admin-wrong-tenant = Der Name eines Mandanten besteht aus Kleinbuchstaben, Ziffern, Punkten, Binde- und Unterstrichen.
admin-wrong-time = Schreiben Sie das Ende als 2030-12-31T18:00, in UTC.
admin-edit-user = Name und Adresse
admin-edit-user-lead = Mit einem anderen Namen wird das Konto überall abgemeldet.
admin-new-user-lead = Das Passwort wählt, wem das Konto gehört.
admin-way = Wie das Konto in Gebrauch kommt
admin-way-code = Mit einem Einmalcode, den Sie weitergeben
admin-way-invite = Mit einer Einladung per Mail
admin-no-mail = Dieser Server verschickt keine Mails. Den Link einer Einladung kann dann nur weitergeben, wer ohne Einschränkung alle Rollen vergeben darf. Legen Sie das Konto stattdessen mit einem Einmalcode an.
admin-way-invite-link = Mit einem Einladungslink, den Sie weitergeben
admin-user-name-hint = Bei einer Einladung wird der Name dort gewählt.
admin-email = E-Mail-Adresse
admin-first-role-hint = Zwischen mehreren Rollen stehen Leerzeichen. Weitere können Sie später geben.
admin-tenant-by-invitation = Nur wer eingeladen wird, kann die ersten Rollen in einem Mandanten bekommen. Lassen Sie es sonst leer: Eine Rolle in einem Mandanten kann vergeben werden, wenn es das Konto gibt.
admin-invitations-lead = Wer eingeladen ist und noch kein Konto hat.
admin-invitations-empty = Niemand ist eingeladen.
admin-invite = Einladen
admin-invitation = Einladung
admin-invitation-of = Einladung von { $name }
admin-invited-by = Eingeladen von
admin-invitation-withdraw = Zurückziehen
admin-invitation-withdraw-text = Nachdem Sie die Einladung zurückgezogen haben, funktioniert ihr Link nicht mehr. Sie können dieselbe Adresse wieder einladen.
admin-create = Anlegen
admin-edit = Bearbeiten
admin-reset = Passwort zurücksetzen
admin-enable = Freigeben
admin-disable = Sperren
admin-delete = Löschen
admin-assignments = Gegebene Rollen
admin-validity = Gültigkeit
admin-given-by = Gegeben von
admin-everywhere = Überall
admin-in-force = In Kraft
admin-not-yet = Noch nicht
admin-expired = Abgelaufen
admin-from = ab
admin-until = bis
admin-unassign = Entziehen
admin-no-assignments = Noch keine Rolle. Geben Sie eine mit dem Knopf oben.
admin-permissions = Was das Konto darf, und warum
admin-permission = Recht
admin-why = Warum
admin-no-permissions = Das Konto darf noch nichts.
admin-all-roles = Rollen, auch geerbte
admin-by-way = durch
admin-since = seit
admin-last-used = zuletzt benutzt
admin-no-factors = Kein zweiter Faktor: das Passwort allein öffnet das Konto.
admin-sessions = Sitzungen
admin-no-sessions = Keine Anwendung hat eine Sitzung des Kontos.
admin-browsers = Angemeldete Browser
admin-no-browsers = Das Konto ist in keinem Browser angemeldet.
admin-end-all = Alle Sitzungen beenden
admin-clients-allowed = Erlaubte Anwendungen
admin-no-clients-allowed = Das Konto hat keiner Anwendung etwas erlaubt.
admin-events = Ereignisse
admin-nav-roles = Rollen
admin-roles-lead = Was vergeben werden kann: Rechte unter einem Namen.
admin-new-role = Neue Rolle
admin-permissions-own = Eigene Rechte
admin-inherits = Erbt
admin-rules = Regeln
admin-needs-approval = Eine zweite Person bestätigt jede Zuweisung
admin-no-approval = Eine Person kann sie zuweisen
admin-approval = Bestätigung
admin-acr = Nötige Anmeldung
admin-acr-aal1 = Jede Anmeldung
admin-acr-aal2 = Mit zweitem Faktor
admin-acr-phr = Mit Passkey
admin-wrong-acr = Wählen Sie die nötige Anmeldung.
admin-no-roles = Es gibt noch keine Rolle. Legen Sie die erste an.
admin-nothing-found = Nichts passt. Suchen Sie nach weniger davon, oder zeigen Sie alle.
admin-change-contents = Ändern, was sie gibt
admin-role-fixed = Diese Rolle gehört zu rolecall: Sie kann vergeben werden und bleibt, wie sie ist.
admin-role-stays = Diese Rolle gehört zu rolecall und kann nicht gelöscht werden.
admin-by-name = Anwendungen prüfen sie am Namen
admin-gives = Was sie gibt
admin-reach = Alle Rechte, auch geerbte
admin-gives-nothing = Sie gibt noch nichts.
admin-all-juniors = Alle Rollen, die sie erbt
admin-seniors = Rollen, die sie erben
admin-holders = Wer sie hat
admin-holder = Inhaber
admin-by-role = Durch die Rolle
admin-a-client = Anwendung
admin-no-end = Ohne Ende
admin-no-holders = Noch hat sie niemand. Geben Sie sie auf der Seite eines Kontos.
admin-role-form-lead = Was sie gibt, wählen Sie auf einer eigenen Seite.
admin-name = Name
admin-description = Beschreibung
admin-contents-of = Was { $name } gibt
admin-contents-lead = Was entzogen wird, wird sofort abgelehnt, bei allen, die die Rolle haben.
admin-add-permission = Recht hinzufügen
admin-add-junior = Rolle erben
admin-setup = Das erste Konto der Verwaltung
admin-setup-lead = Der Server hat beim Start einen Einmalcode ausgegeben. Damit legen Sie das Konto an, das alles darf.
admin-setup-code = Einmalcode
admin-nav-people = In diesem Mandanten
admin-people-lead = Alle mit einer Rolle in { $tenant }.
admin-no-people = Noch hat niemand eine Rolle in diesem Mandanten.
admin-choose-tenant-first = Wählen Sie zuerst einen Mandanten:
admin-fault-unknown = { $kind ->
    [role] Die Rolle `{ $name }` gibt es nicht.
    [user] Den Benutzer `{ $name }` gibt es nicht.
    [permission] Die Berechtigung `{ $name }` gibt es nicht.
    [client] Den Client `{ $name }` gibt es nicht.
   *[other] `{ $name }` gibt es nicht.
}
admin-fault-exists = { $kind ->
    [role] Die Rolle `{ $name }` gibt es schon.
    [user] Den Benutzer `{ $name }` gibt es schon.
    [permission] Die Berechtigung `{ $name }` gibt es schon.
    [client] Den Client `{ $name }` gibt es schon.
   *[other] `{ $name }` gibt es schon.
}
admin-fault-receipt = Mit diesem Beleg sieht jemand aus der Verwaltung, was fehlt: { $name }
